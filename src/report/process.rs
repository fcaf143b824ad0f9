//! The target's process as results tell it.

use serde::Deserialize;
use serde::Serialize;

use crate::gate::figure;
use crate::measure::process::WatchedProcess;

/// A process that was watched beside the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Its identifier.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// Most memory that was seen, in bytes.
    pub peak_rss_bytes: u64,
    /// Most descriptors that were seen; null where they can't be.
    pub peak_descriptors: Option<u64>,
    /// Descriptors that it might have.
    pub descriptors_limit: Option<u64>,
    /// CPU time while it was watched.
    pub cpu_s: f64,
    /// Its end; absent if it lived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// The end of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When it was found to be gone, in microseconds from the run's start.
    pub at_us: i64,
    /// `limit`, `oom` or `unknown`.
    pub cause: String,
    /// The figures behind that.
    pub detail: String,
    /// Whether the scenario restarts the target.
    pub announced: bool,
}

impl Process {
    /// Returns a process as results tell it.
    pub(crate) fn of(process: &WatchedProcess) -> Self {
        Self {
            pid: process.pid,
            name: process.name.clone(),
            peak_rss_bytes: process.peak_rss_bytes,
            peak_descriptors: process.peak_descriptors,
            descriptors_limit: process.descriptors_limit,
            cpu_s: process.cpu.as_secs_f64(),
            ended: process.death.as_ref().map(|death| Ended {
                at_us: death.at.as_micros(),
                cause: death.crash.name().to_owned(),
                detail: death.detail.clone(),
                announced: death.is_announced,
            }),
        }
    }

    /// Returns the process in a line.
    pub(crate) fn text(&self) -> String {
        let number = |number: Option<u64>| number.map_or_else(|| "–".to_owned(), figure::count);
        let mut text = format!(
            "{} ({}) · peak {} kB, {} of {} descriptors · CPU {:.2} s",
            self.name,
            self.pid,
            figure::count(self.peak_rss_bytes / 1_000),
            number(self.peak_descriptors),
            number(self.descriptors_limit),
            self.cpu_s
        );
        if let Some(ended) = &self.ended {
            let seconds = u64::try_from(ended.at_us).unwrap_or(0);
            text.push_str(" · ENDED at ");
            text.push_str(&figure::duration(seconds));
            text.push_str(": ");
            text.push_str(&ended.cause);
            text.push_str(": ");
            text.push_str(&ended.detail);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::process::ProcessSample;
    use crate::units::offset::Offset;

    #[test]
    fn an_end_is_told_with_its_cause() {
        let mut process = WatchedProcess::new(7, "oakd".to_owned());
        process.enter(ProcessSample {
            rss_bytes: 12_345_000,
            descriptors: Some(255),
            descriptors_limit: Some(256),
            ..ProcessSample::default()
        });
        process.end(Offset::from_secs(12), None, false);
        assert_eq!(
            Process::of(&process).text(),
            "oakd (7) · peak 12,345 kB, 255 of 256 descriptors · CPU 0.00 s · ENDED at 12.0 s: limit: descriptors 255 of 256"
        );
    }
}
