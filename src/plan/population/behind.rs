//! The population of a run against a bouncer: its clients, and behind it the members of its networks.

use crate::plan::PlanError;
use crate::plan::population::People;
use crate::plan::population::Person;
use crate::plan::population::Population;
use crate::plan::population::by_user;
use crate::plan::population::crowded;
use crate::plan::population::crowds;
use crate::plan::population::draw_members;
use crate::plan::population::sides;
use crate::plan::seats::Seats;
use crate::plan::streams::Purpose;
use crate::plan::streams::StreamId;
use crate::plan::streams::Streams;
use crate::plan::streams::below;
use crate::plan::timeline;
use crate::scenario::Scenario;
use crate::traffic::profile::Profile;
use crate::traffic::profile::churn::Identity;
use crate::traffic::profile::churn::Life;
use crate::traffic::profile::timeline::StayRow;
use crate::traffic::trace::cause::LeaveCause;
use crate::units::id::ChannelId;
use crate::units::id::ServerId;
use crate::units::id::UserId;

impl People {
    /// Puts a bouncer's clients before everybody: who is about from before the run until after it.
    pub(crate) fn behind(self, clients: u32, scenario: &Scenario) -> Self {
        let end_secs = timeline::horizon(scenario).as_secs_f64() + 1.0;
        let client = || Person {
            identity: Identity { copy: 0, user: 0 },
            is_online_at_start: true,
            life: Life {
                stays: vec![StayRow {
                    channel: 0,
                    start_secs: 0.0,
                    end_secs,
                    cause: LeaveCause::Quit,
                    has_join: false,
                    has_leave: false,
                }],
                changes: Vec::new(),
            },
        };
        let clients = (0..clients).map(|_| client());
        Self {
            people: clients.chain(self.people).collect(),
        }
    }
}

impl Population {
    /// Returns the clients of a bouncer, who are always about, and behind them those of the networks' members whom no bouncer holds.
    /// The former are in the channels that their roster says, the latter are drawn for each channel.
    pub(crate) fn of_seats(
        scenario: &Scenario,
        profile: &Profile,
        people: People,
        seats: &Seats,
        streams: &Streams,
    ) -> Result<Self, PlanError> {
        let client_count = seats.client_count();
        let mut people = people.people;
        let user_count = u32::try_from(people.len()).unwrap_or(u32::MAX);
        let members = scenario.population.members_per_channel;
        if members > f64::from(scenario.population.users) {
            return Err(crowded(scenario));
        }
        let scale =
            f64::from(user_count - client_count) / f64::from(scenario.population.users.max(1));
        // Whose life a client leads decides how it talks, not when it is there.
        let crowds = crowds(profile, &people[client_count as usize..]);
        let mut members = Vec::new();
        let mut member_bounds = vec![0];
        let mut channel_counts = vec![0u32; people.len()];
        let mut clients_of: Vec<Vec<UserId>> = vec![Vec::new(); seats.channel_count() as usize];
        for seat in seats.seats() {
            for channel in &seat.channels {
                clients_of[channel.index()].extend(seat.clients.clone().map(UserId));
            }
        }
        for channel in (0..seats.channel_count()).map(ChannelId) {
            let start = members.len();
            members.append(&mut clients_of[channel.index()]);
            let copied = channel.0 as usize % crowds.len().max(1);
            let crowd = crowds.get(copied).map_or(&[][..], Vec::as_slice);
            let mut strangers = Vec::new();
            let mean = scenario.population.members_per_channel * scale;
            let count = user_count - client_count;
            draw_members(channel, mean, crowd, count, streams, &mut strangers);
            members.extend(strangers.iter().map(|user| UserId(user.0 + client_count)));
            for member in &members[start..] {
                channel_counts[member.index()] += 1;
            }
            member_bounds.push(u32::try_from(members.len()).unwrap_or(u32::MAX));
        }
        let residents = u32::try_from(profile.residents().len()).unwrap_or(u32::MAX);
        for (client, person) in (0..client_count).map(UserId).zip(&mut people) {
            let stream = StreamId::of_user(Purpose::Identity, 0, client);
            person.identity.user = below(streams.draw(stream), residents);
        }
        let (channels, channel_bounds) = by_user(&members, &member_bounds, &channel_counts);
        // Bouncers dial the hub; the far sides are made of others.
        let mut servers = sides(scenario, user_count, streams).to_vec();
        servers[..client_count as usize].fill(ServerId(0));
        Ok(Self {
            sides: servers.into(),
            storms: Vec::new(),
            copied_count: u32::try_from(crowds.len()).unwrap_or(u32::MAX),
            people,
            members,
            member_bounds,
            channels,
            channel_bounds,
        })
    }
}
