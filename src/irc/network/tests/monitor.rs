//! MONITOR, as scripts.

use crate::irc::network::tests::harness::Player;
use crate::irc::network::tests::harness::check;
use crate::irc::network::tests::harness::config;

#[test]
fn who_is_monitored_is_told_of_as_it_comes_goes_and_is_renamed() {
    check(
        "+alder
         +birch
         ---
         alder: MONITOR + birch,Cedar,bad.nick,BIRCH
         ~cedar
         cedar: NICK CEDAR
         cedar: NICK elder
         cedar: NICK cedar
         cedar: QUIT
         alder: MONITOR L
         alder: MONITOR S
         alder: MONITOR - BIRCH
         birch: QUIT
         alder: MONITOR C
         alder: MONITOR L
         alder: MONITOR",
        "alder| :hub.test 730 alder :birch!birch@birch.test
         alder| :hub.test 731 alder :Cedar
         alder| :hub.test 730 alder :cedar!cedar@host.test
         alder| :hub.test 731 alder :CEDAR
         alder| :hub.test 730 alder :cedar!cedar@host.test
         alder| :hub.test 731 alder :cedar
         alder| :hub.test 732 alder :birch,Cedar
         alder| :hub.test 733 alder :End of MONITOR list
         alder| :hub.test 730 alder :birch!birch@birch.test
         alder| :hub.test 731 alder :Cedar
         birch| ERROR :Closing link: (birch@birch.test) [Client Quit]
         birch| [closed]
         alder| :hub.test 733 alder :End of MONITOR list
         alder| :hub.test 461 alder MONITOR :Not enough parameters",
    );
}

#[test]
fn a_split_takes_and_a_heal_brings_those_on_the_other_side() {
    check(
        "+alder
         +birch @1
         +cedar
         alder: MONITOR + birch,cedar,dogwood
         birch: MONITOR + alder
         ---
         split 1
         +dogwood @1
         cedar: QUIT
         alder: MONITOR S
         heal 1",
        "birch| :far.test 731 birch :alder
         alder| :hub.test 731 alder :birch
         cedar| ERROR :Closing link: (cedar@cedar.test) [Client Quit]
         alder| :hub.test 731 alder :cedar
         cedar| [closed]
         alder| :hub.test 731 alder :birch,cedar,dogwood
         birch| :far.test 730 birch :alder!alder@alder.test
         alder| :hub.test 730 alder :birch!birch@birch.test
         alder| :hub.test 730 alder :dogwood!dogwood@dogwood.test",
    );
}

#[test]
fn a_list_is_full_at_a_hundred_and_long_answers_are_cut_into_lines() {
    let mut player = Player::new(config());
    player.step("+alder");
    for tens in 0..11 {
        let nicks: Vec<String> = (0..10)
            .map(|one| format!("someone{tens:02}{one}"))
            .collect();
        player.step(&format!("alder: MONITOR + {}", nicks.join(",")));
    }
    let last = player.record.pop().unwrap();
    assert!(
        last.starts_with("alder| :hub.test 734 alder 100 someone100,someone101"),
        "{last}"
    );
    assert!(last.ends_with(" :Monitor list is full."), "{last}");
    assert_eq!(player.record.len(), 10);
    player.record.clear();
    player.step("alder: MONITOR L");
    assert_eq!(player.record.len(), 4, "{:?}", player.record);
    player.step("close alder eof");
    player.record.clear();
    player.step("+alder");
    player.step("alder: MONITOR L");
    assert_eq!(player.record.len(), 1, "{:?}", player.record);
}
