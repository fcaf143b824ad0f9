//! Everything that learns from live traffic: captures, traces, profiles.
