//! The inputs of a plan: a scenario file, the values set over it, and the profile that it names.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::cli::error::Error;
use crate::cli::files;
use crate::drive::run::plan_of;
use crate::gate::rules::Rules;
use crate::place::Misread;
use crate::place::Place;
use crate::plan::Plan;
use crate::scenario::Scenario;
use crate::scenario::file;
use crate::traffic::profile::Profile;
use crate::traffic::profile::file::AGGREGATE;
use crate::traffic::profile::file::FILE_NAMES;
use crate::traffic::profile::file::PARAMETERS;
use crate::traffic::profile::file::ROWS;
use crate::traffic::profile::file::SCORES;
use crate::traffic::profile::file::WEEKS;
use crate::units::id::Seed;

/// Folder in which profiles are kept.
const PROFILES: &str = "traffic-profiles";
/// Folders above the program that are searched for profiles: a build tree has it three deep.
const ANCESTORS_MAX: usize = 5;

/// Flags that `plan` and `run` share.
#[derive(Debug, Args)]
pub(crate) struct InputArguments {
    /// The scenario file.
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: PathBuf,
    /// The number from which every draw follows: same seed, same plan.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// A value over the scenario's, such as population.users=500 or phase.steady.duration=60s; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) sets: Vec<String>,
}

/// Everything a plan is made of.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) scenario: Scenario,
    pub(crate) profile: Profile,
    pub(crate) seed: Seed,
}

impl Inputs {
    /// Returns the plan of these.
    pub(crate) fn plan(self, scenario: &Path) -> Result<Arc<Plan>, Error> {
        let folder = scenario.parent().unwrap_or(Path::new(""));
        Ok(plan_of(self.scenario, self.profile, self.seed, folder)?)
    }
}

impl InputArguments {
    /// Reads the scenario and its profile.
    pub(crate) fn read(&self) -> Result<Inputs, Error> {
        let path = files::shown(&self.scenario);
        let text = fs::read_to_string(&self.scenario)
            .map_err(|error| Error::file("read", path.as_str(), error))?;
        let scenario = file::read(&path, &text, &overrides(&self.sets)?)?;
        // Here too, where the line itself can be shown; a plan that no run could judge is refused as well.
        Rules::resolve(&scenario).map_err(|misread| misread.with_excerpt(&text))?;
        let folder = find_profile(&scenario, &self.scenario)?;
        let profile = read_profile(&folder)?;
        Ok(Inputs {
            scenario,
            profile,
            seed: Seed(self.seed),
        })
    }
}

/// Returns values set over a scenario's, by key.
pub(crate) fn overrides(sets: &[String]) -> Result<BTreeMap<String, String>, Error> {
    let mut overrides = BTreeMap::new();
    for set in sets {
        let Some((key, value)) = set.split_once('=') else {
            let misread = Misread::new(
                format!("expected KEY=VALUE, found `{set}`"),
                Place::file("--set"),
            );
            return Err(misread
                .with_help("such as --set population.users=500")
                .into());
        };
        overrides.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    Ok(overrides)
}

/// Reads the profile of a folder.
pub(crate) fn read_profile(folder: &Path) -> Result<Profile, Error> {
    let mut texts = BTreeMap::new();
    for name in FILE_NAMES
        .into_iter()
        .chain([AGGREGATE, WEEKS, SCORES, ROWS])
    {
        let path = folder.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => {
                texts.insert(name.to_owned(), text);
            }
            // What a profile must have, its reader says.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::file("read", files::shown(&path), error)),
        }
    }
    Ok(Profile::read(&files::shown(folder), &texts)?)
}

/// Finds the folder of the profile that a scenario names: a path, or a name among the profiles beside the scenario, the
/// working directory or the program.
fn find_profile(scenario: &Scenario, scenario_path: &Path) -> Result<PathBuf, Error> {
    let named = Path::new(&scenario.profile);
    let beside = scenario_path.parent().unwrap_or(Path::new("."));
    let mut shelves = vec![
        PathBuf::from(PROFILES),
        beside.join(PROFILES),
        beside.join("..").join(PROFILES),
    ];
    if let Ok(program) = std::env::current_exe() {
        shelves.extend(
            program
                .ancestors()
                .skip(1)
                .take(ANCESTORS_MAX)
                .map(|folder| folder.join(PROFILES)),
        );
    }
    let is_path = scenario.profile.contains('/');
    let candidates = if is_path {
        vec![named.to_owned(), beside.join(named)]
    } else {
        shelves.iter().map(|shelf| shelf.join(named)).collect()
    };
    if let Some(found) = candidates
        .into_iter()
        .find(|folder| folder.join(PARAMETERS).is_file())
    {
        return Ok(found);
    }
    let mut known: Vec<String> = shelves
        .iter()
        .filter_map(|shelf| fs::read_dir(shelf).ok())
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join(PARAMETERS).is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    known.sort();
    known.dedup();
    let help = if known.is_empty() {
        format!("write a path, or put profiles into a folder `{PROFILES}`")
    } else {
        format!(
            "known: {}; or write a path, such as `./my-profile`",
            known.join(", ")
        )
    };
    let mut misread = Misread::new(
        format!("no profile `{}` found", scenario.profile),
        scenario.profile_place.clone(),
    )
    .with_help(help);
    if let Ok(text) = fs::read_to_string(scenario_path) {
        misread = misread.with_excerpt(&text);
    }
    Err(misread.into())
}
