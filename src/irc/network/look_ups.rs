//! Look-ups of a newcomer's host and user name: what it reads of them, and how long they hold its registration back.

use crate::irc::network::Network;
use crate::irc::network::client::ClientId;
use crate::irc::network::client::Stage;
use crate::units::offset::Offset;

impl Network {
    /// Begins what there is to look up about a newcomer.
    pub(super) fn begin_look_ups(&mut self, id: ClientId) {
        let look_ups = self.config.look_ups;
        let texts = &self.manners().look_ups;
        let now = self.now;
        let registration = &mut self.directory.client_mut(id).registration;
        registration.host_due = look_ups.host.map(|takes| now + takes);
        registration.ident_due = look_ups.ident.map(|ident| now + ident.takes);
        for (is_begun, text) in [
            (look_ups.host.is_some(), texts.host_begins),
            (look_ups.ident.is_some(), texts.ident_begins),
        ] {
            if is_begun && !text.is_empty() {
                self.notice(id, text.as_bytes());
            }
        }
    }

    /// Returns when the next look-up of a newcomer ends.
    pub(super) fn next_look_up(&self, id: ClientId) -> Option<Offset> {
        let registration = &self.directory.client(id).registration;
        [registration.host_due, registration.ident_due]
            .into_iter()
            .flatten()
            .min()
    }

    /// Ends the look-ups that are due, and goes on with the registration.
    pub(super) fn end_look_ups(&mut self, id: ClientId) {
        if self.directory.client(id).stage != Stage::Registering {
            return;
        }
        let now = self.now;
        let is_due = |due: &mut Option<Offset>| due.take_if(|due| *due <= now).is_some();
        let registration = &mut self.directory.client_mut(id).registration;
        let has_host = is_due(&mut registration.host_due);
        let has_ident = is_due(&mut registration.ident_due);
        let texts = &self.manners().look_ups;
        if has_host {
            let host = String::from_utf8_lossy(&self.directory.client(id).host).into_owned();
            self.notice(id, texts.host_unknown.replace("{}", &host).as_bytes());
        }
        if has_ident {
            let is_answered = self
                .config
                .look_ups
                .ident
                .is_some_and(|ident| ident.is_answered);
            let user = String::from_utf8_lossy(&self.directory.client(id).user).into_owned();
            let text = if is_answered {
                texts.ident_found.replace("{}", &user)
            } else {
                texts.ident_unknown.replace("{}", &format!("~{user}"))
            };
            self.notice(id, text.as_bytes());
        }
        if has_host || has_ident {
            self.register_if_complete(id);
        }
    }

    /// Marks a user name that nobody vouches for, within the length that names may have.
    pub(super) fn mark_user_name(&mut self, id: ClientId) {
        let is_doubted = self
            .config
            .look_ups
            .ident
            .is_some_and(|ident| !ident.is_answered);
        if !is_doubted {
            return;
        }
        let max = self.config.limits.user_len;
        let user = &mut self.directory.client_mut(id).user;
        if user.first() != Some(&b'~') {
            user.insert(0, b'~');
            user.truncate(max);
        }
    }
}
