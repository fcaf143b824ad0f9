//! Parity of the simulated network with recordings of real servers: recording = stated shape = simulated network.
//!
//! The shapes, a file a recording in `tests/data/wire/shapes`, were written by hand. `SPLITSTORM_WIRE` names the folder of the
//! recordings: `<scene>.<reader>.raw`, a time and a line in each row, `###` before what was done.

#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test says what it wants by failing; shares of a few hundred lines; a skipped test says so"
)]

mod parity {
    pub(crate) mod scene;
    pub(crate) mod shape;
}

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use parity::scene::Scene;
use parity::scene::play;
use parity::shape::is_as;
use parity::shape::reduce;
use splitstorm::irc::network::family::Family;

/// A shape file.
struct Stated {
    /// The recordings' name; none for the network's own family.
    recording: Option<String>,
    family: Family,
    scene: Scene,
    /// The shape of what each reader read.
    readers: BTreeMap<String, Vec<String>>,
}

fn stated() -> Vec<Stated> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/wire/shapes");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| read_shapes(path)).collect()
}

fn read_shapes(path: &Path) -> Stated {
    let text = std::fs::read_to_string(path).unwrap();
    let mut stated = Stated {
        recording: None,
        family: Family::Splitstorm,
        scene: Scene::Squit,
        readers: BTreeMap::new(),
    };
    let mut reader = None;
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            reader = Some(name.to_owned());
            stated.readers.insert(name.to_owned(), Vec::new());
            continue;
        }
        if let Some(reader) = &reader {
            stated
                .readers
                .get_mut(reader)
                .unwrap()
                .push(line.to_owned());
            continue;
        }
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["recording", name] => stated.recording = Some(name.to_owned()),
            ["family", name] => stated.family = Family::named(name).unwrap(),
            ["scene", "squit"] => stated.scene = Scene::Squit,
            ["scene", "kill", "then", first] => {
                let return_before_link = first == "return";
                stated.scene = Scene::Kill { return_before_link };
            }
            ["scene", "storm", users] => {
                stated.scene = Scene::Storm {
                    users: users.parse().unwrap(),
                };
            }
            _ => panic!("{}: {line}", path.display()),
        }
    }
    stated
}

#[track_caller]
fn check(what: &str, got: &[String], stated: &[String]) {
    assert!(
        is_as(got, stated),
        "{what}\ngot:\n  {}\nstated:\n  {}\n",
        got.join("\n  "),
        stated.join("\n  ")
    );
}

#[test]
fn the_simulated_network_has_the_stated_shapes() {
    for stated in stated() {
        let read = play(stated.family, stated.scene);
        for (reader, shape) in &stated.readers {
            let what = format!("{:?} {:?} {reader}", stated.family, stated.scene);
            let lines = read.get(reader).unwrap_or_else(|| panic!("{what}: nobody"));
            check(&what, &reduce(lines), shape);
        }
    }
}

#[test]
fn no_recorded_shape_is_that_of_other_manners() {
    for stated in stated() {
        for family in Family::ALL {
            // Shapes that are silence fit everybody.
            let fits = |(reader, shape): (&String, &Vec<String>)| {
                let read = play(family, stated.scene);
                let is_silence = shape.iter().all(|line| line == "nothing");
                is_silence
                    || read
                        .get(reader)
                        .is_some_and(|read| is_as(&reduce(read), shape))
            };
            let fits_all = stated.readers.iter().all(fits);
            // Users who return one by one after the link is made are told of alike by all real servers.
            let may_be_alike = matches!(
                stated.scene,
                Scene::Kill {
                    return_before_link: false
                }
            );
            if family == stated.family || family == Family::Splitstorm || !may_be_alike {
                assert_eq!(
                    fits_all,
                    family == stated.family,
                    "{family:?} as {:?} {:?}",
                    stated.family,
                    stated.scene
                );
            }
        }
    }
}

#[test]
fn the_recordings_have_the_stated_shapes() {
    let Some(folder) = std::env::var_os("SPLITSTORM_WIRE").map(PathBuf::from) else {
        eprintln!("skipped: SPLITSTORM_WIRE not set");
        return;
    };
    let mut checked = 0;
    for stated in stated() {
        let Some(recording) = &stated.recording else {
            continue;
        };
        for (reader, shape) in &stated.readers {
            let path = folder.join(format!("{recording}.{reader}.raw"));
            let bytes =
                std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let lines: Vec<String> = String::from_utf8_lossy(&bytes)
                .lines()
                .filter(|row| !row.starts_with('#'))
                .filter_map(|row| row.split_once(' '))
                .map(|(_, line)| line.trim_end().to_owned())
                .collect();
            check(&path.display().to_string(), &reduce(&lines), shape);
            checked += 1;
        }
    }
    eprintln!("{checked} recordings have the stated shapes");
    assert!(checked > 0);
}

#[test]
fn a_nick_in_use_and_a_collision_have_the_texts_of_the_family() {
    let want = [
        (Family::Splitstorm, "Nickname is already in use"),
        (Family::InspIrcd, "Nickname is already in use."),
        (Family::Ngircd, "Nickname already in use"),
        (Family::Hybrid, "Nickname is already in use."),
    ];
    for (family, text) in want {
        let read = play(family, Scene::Storm { users: 3 });
        let line = format!(":irc1.sim.test 433 m001_2 samenick :{text}");
        assert!(
            read["loser"].contains(&line),
            "{family:?}: {:#?}",
            read["loser"]
        );
    }
}
