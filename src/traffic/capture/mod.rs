//! Foreign recordings of live IRC, read into traces: one file per format, and their detection.
