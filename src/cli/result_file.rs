//! A result named on the command line: the file, or the folder of its run.

use std::fs;
use std::path::Path;

use crate::cli::diagnostic::READ;
use crate::cli::error::Error;
use crate::report::read::read;
use crate::report::result::RunResult;

/// The result's name within the folder of its run.
const RESULT_NAME: &str = "result.json";
/// Largest result read: over a hundred times what 440 exemplars and a thousand phases need.
const RESULT_BYTES_MAX: u64 = 1 << 30;

/// Reads the result at `path`.
///
/// # Errors
///
/// Returns why there is none.
pub(crate) fn load(path: &Path) -> Result<RunResult, Error> {
    let file = if path.is_dir() {
        path.join(RESULT_NAME)
    } else {
        path.to_path_buf()
    };
    let name = file.display().to_string();
    let metadata = fs::metadata(&file).map_err(|error| Error::file(READ, name.as_str(), error))?;
    if metadata.len() > RESULT_BYTES_MAX {
        return Err(Error::Usage {
            what: format!(
                "expected a result, found {} bytes in `{name}`",
                metadata.len()
            ),
            help: "name the result.json of a run, or its folder".to_owned(),
        });
    }
    let text =
        fs::read_to_string(&file).map_err(|error| Error::file(READ, name.as_str(), error))?;
    Ok(read(&name, &text)?)
}
