//! What every fuzz target does with its input: read it as a capture, in each way that a user could.

use splitstorm::traffic::capture::format::Format;
use splitstorm::traffic::capture::import::ImportOptions;
use splitstorm::traffic::capture::import::Importer;
use splitstorm::traffic::capture::import::Log;
use splitstorm::traffic::capture::scrub::Scrubber;
use splitstorm::traffic::trace::event::Event;
use splitstorm::traffic::trace::pseudonym::Pseudonyms;
use splitstorm::traffic::trace::read::TraceReader;
use splitstorm::traffic::trace::survey::Survey;
use splitstorm::traffic::trace::write::TraceWriter;

/// Reads `data` as a log of `format`; without one it is detected, packets included.
///
/// Whether texts are kept, and whether two users logged it, follows from its length.
pub fn read_log(format: Option<Format>, data: &[u8]) {
    let mut importer = Importer::new(ImportOptions {
        format,
        network: "net".to_owned(),
        channel: None,
        day: None,
        zone: None,
        keeps_text: data.len() & 1 == 1,
    });
    let loggers: &[Option<&str>] = match data.len() & 6 {
        6 => &[Some("one"), Some("two")],
        _ => &[None],
    };
    for &logger in loggers {
        let log = Log {
            path: "#wood_20240229.log",
            logger,
        };
        if importer.read(log, data).is_err() {
            return;
        }
    }
    let imported = importer.finish(Pseudonyms::hashed([7; 16]), "0");
    let mut written = Vec::new();
    let Ok(mut writer) = TraceWriter::create(&mut written, imported.meta()) else {
        return;
    };
    let mut scrubber = Scrubber::new(Vec::new());
    for event in imported {
        let _ = writer.write(&event);
        let _ = scrubber.write(&event);
    }
    let _ = writer.finish();
    // What was written is read again, whole.
    let events = read_trace(&written).expect("our own trace reads");
    assert!(events.is_sorted_by_key(|event| event.at_us));
}

/// Reads `data` as a trace; `None` if it is none.
pub fn read_trace(data: &[u8]) -> Option<Vec<Event>> {
    let mut reader = TraceReader::open("trace.csv", data).ok()?;
    let mut survey = Survey::default();
    let mut events = Vec::new();
    while let Some(event) = reader.next_event().ok()? {
        survey.note(&event);
        events.push(event);
    }
    let _ = survey.outages();
    Some(events)
}
