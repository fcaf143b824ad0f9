//! Accounts, hosts, invitations and capabilities that come and go, as scripts.

use crate::irc::network::caps::Caps;
use crate::irc::network::config::NetworkConfig;
use crate::irc::network::family::Family;
use crate::irc::network::tests::harness::Player;
use crate::irc::network::tests::harness::check;
use crate::irc::network::tests::harness::config;

#[test]
fn lines_of_who_is_logged_in_carry_the_account_for_who_asked() {
    check(
        "+alder account-tag,message-tags
         +birch
         +cedar account-notify,account-tag,server-time
         +dogwood extended-join
         alder: JOIN #c
         birch: JOIN #c
         cedar: JOIN #c
         dogwood: JOIN #c
         ---
         account birch tree;s
         birch: PRIVMSG #c :hello
         birch: @+draft/reply=1 NOTICE #c :x
         birch: TOPIC #c :leaves
         birch: PRIVMSG alder :psst
         birch: PART #c
         birch: JOIN #c
         account birch *
         birch: PRIVMSG #c :bye",
        "cedar| @time=2023-11-14T22:13:20.000Z;account=tree\\:s :birch!birch@birch.test ACCOUNT tree;s
         alder| @account=tree\\:s :birch!birch@birch.test PRIVMSG #c :hello
         cedar| @time=2023-11-14T22:13:20.000Z;account=tree\\:s :birch!birch@birch.test PRIVMSG #c :hello
         dogwood| :birch!birch@birch.test PRIVMSG #c :hello
         alder| @account=tree\\:s;+draft/reply=1 :birch!birch@birch.test NOTICE #c :x
         cedar| @time=2023-11-14T22:13:20.000Z;account=tree\\:s :birch!birch@birch.test NOTICE #c :x
         dogwood| :birch!birch@birch.test NOTICE #c :x
         birch| :hub.test 482 birch #c :You're not a channel operator
         alder| @account=tree\\:s :birch!birch@birch.test PRIVMSG alder :psst
         alder| @account=tree\\:s :birch!birch@birch.test PART #c
         birch| :birch!birch@birch.test PART #c
         cedar| @time=2023-11-14T22:13:20.000Z;account=tree\\:s :birch!birch@birch.test PART #c
         dogwood| :birch!birch@birch.test PART #c
         alder| @account=tree\\:s :birch!birch@birch.test JOIN #c
         dogwood| :birch!birch@birch.test JOIN #c tree;s :The birch
         cedar| @time=2023-11-14T22:13:20.000Z;account=tree\\:s :birch!birch@birch.test JOIN #c
         birch| :birch!birch@birch.test JOIN #c
         birch| :hub.test 353 birch = #c :@alder dogwood cedar birch
         birch| :hub.test 366 birch #c :End of /NAMES list.
         cedar| @time=2023-11-14T22:13:20.000Z :birch!birch@birch.test ACCOUNT *
         alder| :birch!birch@birch.test PRIVMSG #c :bye
         dogwood| :birch!birch@birch.test PRIVMSG #c :bye
         cedar| @time=2023-11-14T22:13:20.000Z :birch!birch@birch.test PRIVMSG #c :bye",
    );
}

#[test]
fn changes_of_channels_carry_the_account_of_who_made_them() {
    check(
        "+alder
         +birch account-tag
         account alder oak
         alder: JOIN #c
         birch: JOIN #c
         ---
         alder: TOPIC #c :leaves
         alder: MODE #c +v birch
         alder: KICK #c birch :bye
         birch: WHO alder %na",
        "alder| :alder!alder@alder.test TOPIC #c :leaves
         birch| @account=oak :alder!alder@alder.test TOPIC #c :leaves
         alder| :alder!alder@alder.test MODE #c +v birch
         birch| @account=oak :alder!alder@alder.test MODE #c +v birch
         alder| :alder!alder@alder.test KICK #c birch :bye
         birch| @account=oak :alder!alder@alder.test KICK #c birch :bye
         birch| :hub.test 354 birch alder oak
         birch| :hub.test 315 birch alder :End of WHO list",
    );
}

#[test]
fn a_new_host_is_told_in_one_line_or_as_a_return() {
    check(
        "+alder chghost
         +birch
         +cedar chghost
         +dogwood extended-join,away-notify
         birch: JOIN #c
         alder: JOIN #c,#d
         cedar: JOIN #c
         dogwood: JOIN #c,#d
         birch: JOIN #d
         birch: MODE #c +v birch
         birch: AWAY :out
         ---
         host birch tree cloak.test
         birch: PRIVMSG #c :hello
         host alder alder alder.cloak.test
         birch: WHO alder %uhn",
        "alder| :birch!birch@birch.test CHGHOST tree cloak.test
         cedar| :birch!birch@birch.test CHGHOST tree cloak.test
         birch| :hub.test 396 birch cloak.test :is now your displayed host
         dogwood| :birch!birch@birch.test QUIT :Changing host
         dogwood| :birch!tree@cloak.test JOIN #c * :The birch
         dogwood| :hub.test MODE #c +ov birch birch
         dogwood| :birch!tree@cloak.test AWAY :out
         dogwood| :birch!tree@cloak.test JOIN #d * :The birch
         dogwood| :birch!tree@cloak.test AWAY :out
         alder| :birch!tree@cloak.test PRIVMSG #c :hello
         cedar| :birch!tree@cloak.test PRIVMSG #c :hello
         dogwood| :birch!tree@cloak.test PRIVMSG #c :hello
         cedar| :alder!alder@alder.test CHGHOST alder alder.cloak.test
         alder| :alder!alder@alder.test CHGHOST alder alder.cloak.test
         birch| :alder!alder@alder.test QUIT :Changing host
         birch| :alder!alder@alder.cloak.test JOIN #c
         birch| :alder!alder@alder.cloak.test JOIN #d
         birch| :hub.test MODE #d +o alder
         dogwood| :alder!alder@alder.test QUIT :Changing host
         dogwood| :alder!alder@alder.cloak.test JOIN #c * :The alder
         dogwood| :alder!alder@alder.cloak.test JOIN #d * :The alder
         dogwood| :hub.test MODE #d +o alder
         birch| :hub.test 354 birch alder alder.cloak.test alder
         birch| :hub.test 315 birch alder :End of WHO list",
    );
}

#[test]
fn a_cloak_hides_nobody_from_a_ban_of_its_address() {
    check(
        "from 192.0.2.1
         +alder
         host alder alder cloak.test
         ---
         ban 192.0.2.1 x",
        "alder| :hub.test 465 alder :You are banned from this server- x
         alder| ERROR :Closing link: (alder@cloak.test) [K-Lined]
         alder| [closed]",
    );
}

#[test]
fn members_who_want_to_know_read_of_invitations() {
    check(
        "+alder invite-notify
         +birch
         +cedar invite-notify
         +dogwood
         alder: JOIN #c
         birch: JOIN #c
         cedar: JOIN #c
         ---
         alder: INVITE dogwood #c",
        "alder| :hub.test 341 alder dogwood #c
         dogwood| :alder!alder@alder.test INVITE dogwood :#c
         cedar| :alder!alder@alder.test INVITE dogwood :#c",
    );
}

#[test]
fn capabilities_come_and_go_for_those_who_are_told() {
    let mut player = Player::new(config());
    player.step("+alder cap-notify,chghost,batch");
    player.step("+birch chghost");
    let without = Caps::all().without(Caps::CHGHOST).without(Caps::SETNAME);
    player.network.offer_caps(player.now, without);
    player.drain();
    player.network.offer_caps(player.now, Caps::all());
    for step in ["alder: CAP LIST", "birch: CAP LIST"] {
        player.step(step);
    }
    assert_eq!(
        player.record,
        [
            "alder| :hub.test CAP alder DEL :chghost setname",
            "alder| :hub.test CAP alder NEW :chghost setname",
            "alder| :hub.test CAP alder LIST :batch cap-notify",
            "birch| :hub.test CAP birch LIST :",
        ]
    );
}

/// What was recorded of these servers, without what nobody here knows.
#[test]
fn families_offer_what_was_recorded_of_them() {
    for (family, want) in [
        (
            Family::Hybrid,
            "account-notify away-notify cap-notify chghost extended-join invite-notify multi-prefix userhost-in-names",
        ),
        (
            Family::InspIrcd,
            "account-notify account-tag away-notify batch cap-notify chghost echo-message extended-join invite-notify \
             labeled-response message-tags multi-prefix server-time userhost-in-names",
        ),
        (Family::Ngircd, "multi-prefix"),
    ] {
        let mut player = Player::new(NetworkConfig {
            family,
            caps: family.caps(),
            ..config()
        });
        player.step("?alder");
        player.step("alder: CAP LS 302");
        let offered = format!("alder| :hub.test CAP * LS :{want}");
        assert_eq!(player.record, [offered], "{family:?}");
    }
}
