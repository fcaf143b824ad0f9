//! Sessions that log in to accounts, held to what servers and services answer.

use std::time::Duration;

use crate::irc::session::Closed;
use crate::irc::session::End;
use crate::irc::session::Manners;
use crate::irc::session::event::Event;
use crate::irc::session::login::LoginWay;
use crate::irc::session::sasl::Mechanism;
use crate::irc::session::tests::Client;
use crate::units::offset::Offset;

const PLAIN: LoginWay = LoginWay::Sasl(Mechanism::Plain);

#[test]
fn a_login_holds_the_registration_up_until_it_is_answered() {
    let (mut client, sent) = Client::with_account(PLAIN, true, Manners::default());
    assert!(sent.starts_with("CAP LS 302|NICK alder0|USER "), "{sent}");
    let said = client.feed(":irc.test CAP * LS :batch sasl=EXTERNAL,PLAIN");
    assert_eq!(said, "CAP REQ :batch|CAP REQ :sasl|");
    let said = client.feed(":irc.test CAP * ACK :batch\n:irc.test CAP * ACK :sasl");
    assert_eq!(said, "AUTHENTICATE PLAIN|");
    // alder, alder and bark, with a zero between.
    let said = client.feed("AUTHENTICATE +");
    assert_eq!(said, "AUTHENTICATE YWxkZXIAYWxkZXIAYmFyaw==|");
    // It takes longer than answers about capabilities may.
    client.now = Offset::ZERO + Duration::from_secs(20);
    let (_, sent) = client.step(|session, now, cx| {
        assert_eq!(session.handle_timer(now, cx), Event::Nothing);
        String::new()
    });
    assert_eq!(sent, "");
    let said = client
        .feed(":irc.test 900 alder0 * alder :You are now logged in\n:irc.test 903 alder0 :done");
    assert!(
        said.starts_with("LoggedIn") && said.ends_with(" CAP END|"),
        "{said}"
    );
}

#[test]
fn a_patient_client_logs_in_before_it_says_who_it_is() {
    let manners = Manners {
        awaits_caps: true,
        nick_waits: true,
        ..Manners::default()
    };
    let (mut client, sent) =
        Client::with_account(LoginWay::Sasl(Mechanism::External), true, manners);
    assert_eq!(sent, "CAP LS 302|");
    let said = client.feed(":irc.test CAP * LS :sasl batch");
    assert_eq!(said, "CAP REQ :batch sasl|");
    let said = client.feed(":irc.test CAP * ACK :batch sasl");
    assert_eq!(said, "AUTHENTICATE EXTERNAL|");
    assert_eq!(client.feed("AUTHENTICATE +"), "AUTHENTICATE YWxkZXI=|");
    let said = client.feed(":irc.test 903 * :done");
    assert!(said.contains("CAP END|NICK alder0|USER "), "{said}");
}

#[test]
fn who_must_log_in_and_can_not_gives_the_server_up() {
    let refused =
        ":irc.test CAP * LS :sasl\n:irc.test CAP * ACK :sasl\nAUTHENTICATE +\n:irc.test 904 * :no";
    let none_offered = ":irc.test CAP * LS :batch";
    let another_offered = ":irc.test CAP * LS :sasl=EXTERNAL";
    let never_asked = ":irc.test 001 alder0 :Welcome";
    for lines in [refused, none_offered, another_offered, never_asked] {
        let (mut client, _) = Client::with_account(PLAIN, true, Manners::default());
        let said = client.feed(lines);
        assert!(said.contains("LoginFailed"), "{lines}: {said}");
        assert_eq!(
            client.session.handle_closed(Closed::Local),
            End::LoginRefused
        );
        let (mut client, _) = Client::with_account(PLAIN, false, Manners::default());
        let said = client.feed(lines);
        assert!(said.contains("Refused Auth"), "{lines}: {said}");
        let said = client.feed(":irc.test 001 alder0 :Welcome\n:irc.test 376 alder0 :End");
        assert!(said.contains("Registered"), "{lines}: {said}");
    }
}

#[test]
fn a_service_that_does_not_answer_is_told_from_a_server_that_does_not() {
    let (mut client, _) = Client::with_account(PLAIN, true, Manners::default());
    client.feed(":irc.test CAP * LS :sasl\n:irc.test CAP * ACK :sasl");
    client.now = Offset::ZERO + Duration::from_secs(30);
    let (event, _) = client.step(|session, now, cx| format!("{:?}", session.handle_timer(now, cx)));
    assert_eq!(event, "TimedOut");
    assert_eq!(
        client.session.handle_closed(Closed::Local),
        End::LoginTimeout
    );
}

#[test]
fn a_password_is_told_to_a_service_once_the_registration_is_over() {
    let (mut client, _) = Client::with_account(LoginWay::NickServ, true, Manners::default());
    assert_eq!(client.feed(":irc.test CAP * LS :sasl"), "CAP END|");
    let said = client.feed(":irc.test 001 alder0 :Welcome\n:irc.test 376 alder0 :End");
    assert_eq!(said, "Registered PRIVMSG NickServ :IDENTIFY alder bark|");
    // What others say does not count, and what the service says about something else neither.
    let others = ":oak!o@test NOTICE alder0 :You are now identified\n:NickServ!s@test NOTICE alder0 :This nick is registered.";
    assert!(!client.feed(others).contains("Login"));
    let said = client.feed(":NickServ!s@test NOTICE alder0 :You are now identified for alder.");
    assert!(said.contains("LoggedIn"), "{said}");
}
