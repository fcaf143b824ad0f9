//! Churn: when the people of a profile come and go in a run, each cohort moved by whole steps, mass events laid over.

use std::collections::BTreeMap;

use rand::Rng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::traffic::profile::Profile;
use crate::traffic::profile::distribution::uniform;
use crate::traffic::profile::incident::Incident;
use crate::traffic::profile::incident::Victim;
use crate::traffic::profile::number;
use crate::traffic::profile::rotation::Rotation;
use crate::traffic::profile::scaling::MassEvents;
use crate::traffic::profile::timeline;
use crate::traffic::profile::timeline::ChangeKind;
use crate::traffic::profile::timeline::ChangeRow;
use crate::traffic::profile::timeline::StayRow;
use crate::traffic::trace::cause::LeaveCause;

/// Copies of a cohort start this much apart at most, in seconds: nobody comes at the same second as their double.
pub(crate) const COPY_JITTER_SECS: f64 = 600.0;

/// A MODE this soon after a JOIN belongs to whoever joined, in seconds.
pub(crate) const JOINED_SECS: f64 = 5.0;

/// Draws to find somebody present in place of a victim who is away.
const STAND_IN_DRAWS: u32 = 200;

/// Who leaves in a mass event for good would have left within this many seconds anyhow.
const EARLY_SECS_MAX: f64 = 86_400.0;

/// Somebody in a run: a copy of a user of the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Which copy of the profile's people.
    pub copy: u32,
    /// The index of the profile's resident.
    pub user: u32,
}

/// One of the copies of the people of a profile's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Copied {
    /// Which copy of the profile, as a run makes them.
    pub by_run: u32,
    /// Which copy within a scaled profile.
    pub by_profile: u32,
}

impl Copied {
    /// The first copy: those of the capture themselves.
    pub const FIRST: Self = Self {
        by_run: 0,
        by_profile: 0,
    };
}

/// The rotation that the coupled cohorts of each copy have in common. Mass events have the first copy's, or each copy's own.
pub type Commons = BTreeMap<Copied, Rotation>;

/// What somebody does in a run; times are seconds from its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Life {
    /// When they are in which channel of the profile, by time.
    pub stays: Vec<StayRow>,
    /// What they change, by time.
    pub changes: Vec<ChangeRow>,
}

impl Life {
    /// Returns whether they are in some channel at a moment.
    pub fn is_present(&self, secs: f64) -> bool {
        self.is_present_from(0, secs)
    }

    /// Returns the same of the stays from the place `first` on.
    fn is_present_from(&self, first: usize, secs: f64) -> bool {
        let mut begun = self.begun(first, secs).iter();
        begun.any(|stay| secs < stay.end_secs)
    }

    /// Returns the stays from the place `first` on that begin before a moment or at it.
    fn begun(&self, first: usize, secs: f64) -> &[StayRow] {
        let stays = self.stays.get(first..).unwrap_or_default();
        // One by one: of those that are not over, few have begun.
        let begun = stays.iter().take_while(|stay| stay.start_secs <= secs);
        stays.get(..begun.count()).unwrap_or_default()
    }

    /// Leaves of it what somebody does who only listens: nobody kicks them, and the modes that they set are those of their JOINs.
    fn listen(&mut self) {
        for stay in &mut self.stays {
            if stay.cause == LeaveCause::Kicked {
                stay.cause = LeaveCause::Part;
            }
        }
        let stays = &self.stays;
        self.changes.retain(|change| match change.kind {
            ChangeKind::Nick => true,
            ChangeKind::Mode { channel } => stays.iter().any(|stay| {
                stay.channel == channel
                    && stay.has_join
                    && (0.0..=JOINED_SECS).contains(&(change.at_secs - stay.start_secs))
            }),
            ChangeKind::Topic { .. } | ChangeKind::Kick { .. } => false,
        });
    }

    /// Lets them leave at a moment instead of later; their stays before the place `first` are over by then.
    fn leave_early(&mut self, first: usize, at_secs: f64, cause: LeaveCause) {
        let until = first + self.begun(first, at_secs).len();
        for stay in self.stays.get_mut(first..until).unwrap_or_default() {
            if stay.start_secs < at_secs && at_secs < stay.end_secs {
                stay.end_secs = at_secs;
                stay.cause = cause;
                stay.has_leave = true;
            }
        }
    }

    /// Breaks the connection at a moment; it is back later if it would still last then. Their stays before the place `first` are
    /// over by then.
    fn interrupt(&mut self, first: usize, at_secs: f64, back_secs: f64, cause: LeaveCause) {
        let touched = self.begun(first, at_secs.max(back_secs));
        let until = first + touched.len();
        let still = touched
            .iter()
            .filter(|stay| stay.start_secs < at_secs && back_secs < stay.end_secs);
        let returns: Vec<StayRow> = still
            .map(|stay| StayRow {
                start_secs: back_secs,
                has_join: true,
                ..*stay
            })
            .collect();
        self.leave_early(first, at_secs, cause);
        let touched = self.stays.get(first..until).unwrap_or_default();
        let mut rows = touched.to_vec();
        // Whoever would have come while the way was barred comes when it is free again.
        rows.retain_mut(|stay| {
            if (at_secs..back_secs).contains(&stay.start_secs) {
                stay.start_secs = back_secs;
            }
            stay.start_secs < stay.end_secs
        });
        rows.extend(returns);
        timeline::sort(&mut rows);
        self.stays.splice(first..until, rows);
    }
}

impl Profile {
    /// Returns where the cycle of one copy of a cohort lies in a run of `until_secs` that starts at `week_secs` of the week.
    pub fn rotation(
        &self,
        copy: u32,
        rng: &mut Xoshiro256PlusPlus,
        week_secs: f64,
        until_secs: f64,
    ) -> Rotation {
        let (cycle_secs, step_secs) = (
            f64::from(self.cycle_secs()),
            f64::from(self.rotation_secs()),
        );
        let step_count = libm::round(cycle_secs / step_secs);
        let cycle_count = number::whole(until_secs / cycle_secs) as usize + 2;
        let into_step = week_secs - f64::from(self.cycle_starts_at_week_sec());
        let into_step = into_step - step_secs * libm::floor(into_step / step_secs);
        let mut steps = || step_secs * libm::floor(uniform(rng.next_u64()) * step_count);
        let jitter_secs = if copy == 0 { 0.0 } else { COPY_JITTER_SECS };
        // Cohorts wrap at different moments: nobody leaves together because a cycle ends.
        let (steps_in, shifts_secs) = (steps(), (0..cycle_count).map(|_| steps()).collect());
        let phase_secs = into_step + steps_in - jitter_secs * uniform(rng.next_u64());
        Rotation {
            cycle_secs,
            phase_secs: if phase_secs < 0.0 {
                phase_secs + cycle_secs
            } else {
                phase_secs
            },
            shifts_secs,
        }
    }

    /// Returns the rotation of one copy of a cohort: one of its own, or the `common` one that mass events have.
    pub fn cohort_rotation(
        &self,
        copy: u32,
        common: &Rotation,
        rng: &mut Xoshiro256PlusPlus,
        week_secs: f64,
        until_secs: f64,
    ) -> Rotation {
        let own = self.rotation(copy, rng, week_secs, until_secs);
        if uniform(rng.next_u64()) < self.coupling() {
            common.clone()
        } else {
            own
        }
    }

    /// Returns what a resident does when their cycle lies so, mass events apart.
    pub fn life(&self, resident: u32, rotation: &Rotation, until_secs: f64) -> Life {
        let Some(whose) = self.residents().get(resident as usize) else {
            return Life::default();
        };
        let Some(timeline) = self.users().get(whose.user as usize) else {
            return Life::default();
        };
        let later;
        let rotation = if whose.jitter_secs > 0.0 {
            later = rotation.later(whose.jitter_secs);
            &later
        } else {
            rotation
        };
        let visits = self.visits(resident);
        let mut by_channel: BTreeMap<u32, Vec<StayRow>> = BTreeMap::new();
        for stay in &timeline.stays {
            let own = whose.first_channel.saturating_add(stay.channel);
            let visited = visits.iter().filter(|visit| visit.home == stay.channel);
            for channel in visited.map(|visit| visit.channel).chain([own]) {
                let rows = by_channel.entry(channel).or_default();
                rows.push(StayRow { channel, ..*stay });
            }
        }
        let mut stays: Vec<StayRow> = by_channel
            .values()
            .flat_map(|rows| rotation.stays(rows, until_secs))
            .collect();
        timeline::sort(&mut stays);
        let mut changes: Vec<ChangeRow> = Vec::new();
        for cycle in 0..rotation.shifts_secs.len() {
            for change in &timeline.changes {
                let at_secs = rotation.moment(cycle, change.at_secs);
                if (0.0..until_secs).contains(&at_secs) {
                    let kind = change.kind.in_channels_from(whose.first_channel);
                    changes.push(ChangeRow { at_secs, kind });
                }
            }
        }
        changes.sort_by(|one, other| one.at_secs.total_cmp(&other.at_secs));
        let mut life = Life { stays, changes };
        if whose.is_listener {
            life.listen();
        }
        life
    }

    /// Lets the mass events of the profile hit the lives of a run, `who` naming whose they are.
    ///
    /// All events of a copy share one rotation of `commons`: that of the first copy, so that all are hit alike and at once, or that of
    /// the copy's own coupled cohorts if the profile was scaled so. A victim who is away at that time is replaced by somebody of the
    /// same copy who is there; one who takes no part in the run is not.
    pub fn strike(
        &self,
        who: &[Identity],
        lives: &mut [Life],
        commons: &Commons,
        rng: &mut Xoshiro256PlusPlus,
        until_secs: f64,
    ) {
        let mut copies: BTreeMap<Copied, Crowd> = BTreeMap::new();
        for (place, identity) in who.iter().enumerate() {
            let Some(resident) = self.residents().get(identity.user as usize) else {
                continue;
            };
            let copy = Copied {
                by_run: identity.copy,
                by_profile: resident.copy,
            };
            let crowd = copies.entry(copy).or_default();
            crowd.places.insert(resident.user, place);
            crowd.members.push(place);
        }
        let moments = self.mass_events(&copies, commons, until_secs);
        let mut struck = Struck::new(lives);
        for (secs, incident, Crowd { places, members }) in moments {
            struck.secs = secs;
            let mut hits: Vec<(usize, &Victim)> = Vec::with_capacity(incident.victims.len());
            let mut away: Vec<&Victim> = Vec::new();
            for victim in &incident.victims {
                let Some(&place) = places.get(&victim.user) else {
                    continue;
                };
                let is_there = struck.is_present(place, secs + victim.quit_secs);
                if victim.back_secs.is_some() && is_there {
                    hits.push((place, victim));
                    struck.mark(place, true);
                } else {
                    away.push(victim);
                }
            }
            for victim in away {
                let at_secs = secs + victim.quit_secs;
                let place = match victim.back_secs {
                    Some(_) => struck.anybody(members, at_secs, rng),
                    // The victim's own end is in the table. Here somebody leaves who was about to.
                    None => struck.soonest(members, at_secs),
                };
                if let Some(place) = place {
                    hits.push((place, victim));
                    struck.mark(place, true);
                }
            }
            for (place, victim) in hits {
                struck.mark(place, false);
                struck.hit(place, victim);
            }
        }
        for life in lives {
            cut(life, until_secs);
        }
    }

    /// Returns when which mass event hits which copy, by time.
    fn mass_events<'a>(
        &'a self,
        copies: &'a BTreeMap<Copied, Crowd>,
        commons: &Commons,
        until_secs: f64,
    ) -> Vec<(f64, &'a Incident, &'a Crowd)> {
        let choice = self.scaling().map(|scaling| scaling.mass_events);
        let rotation_of = |copy: &Copied| match choice.unwrap_or_default() {
            MassEvents::Together => commons.get(&Copied::FIRST),
            MassEvents::Apart => commons.get(copy),
        };
        let crowds: Vec<(&Rotation, &Crowd)> = copies
            .iter()
            .filter_map(|(copy, crowd)| Some((rotation_of(copy)?, crowd)))
            .collect();
        let cycles = crowds
            .iter()
            .map(|(rotation, _)| rotation.shifts_secs.len());
        let mut moments: Vec<(f64, &Incident, &Crowd)> = Vec::new();
        for cycle in 0..cycles.max().unwrap_or(0) {
            for incident in self.incidents() {
                let hits = crowds.iter().map(|&(rotation, crowd)| {
                    (rotation.moment(cycle, incident.at_secs), incident, crowd)
                });
                moments.extend(hits.filter(|(secs, ..)| (0.0..until_secs).contains(secs)));
            }
        }
        moments.sort_by(|one, other| one.0.total_cmp(&other.0));
        moments
    }
}

/// Those of one copy, whom mass events hit alike.
#[derive(Debug, Default)]
struct Crowd {
    /// Where each user of the tables has their double among the lives.
    places: BTreeMap<u32, usize>,
    /// The same, in order of the lives.
    members: Vec<usize>,
}

/// What is known of when somebody is there: no moment.
const NOTHING_KNOWN: (f64, f64) = (f64::INFINITY, f64::NEG_INFINITY);

/// Lives as mass events look at them, one after the other: what was over before is passed over.
struct Struck<'a> {
    lives: &'a mut [Life],
    /// How many of each life's stays, from the first on, were over at the last look.
    over: Vec<usize>,
    /// Not before when each is there next: when the first of those stays begins.
    next_secs: Vec<f64>,
    /// From when until when at least each is there, and seen to leave in the end, as far as is known.
    known: Vec<(f64, f64)>,
    /// Whom the present event hits.
    is_hit: Vec<bool>,
    /// When the present event begins; never before the one before.
    secs: f64,
}

impl<'a> Struck<'a> {
    fn new(lives: &'a mut [Life]) -> Self {
        Self {
            over: vec![0; lives.len()],
            next_secs: vec![f64::NEG_INFINITY; lives.len()],
            known: vec![NOTHING_KNOWN; lives.len()],
            is_hit: vec![false; lives.len()],
            lives,
            secs: f64::NEG_INFINITY,
        }
    }

    /// Returns somebody's life, and how many of its stays are over.
    fn look(&mut self, place: usize) -> Option<(&mut Life, usize)> {
        let (life, over) = (self.lives.get_mut(place)?, self.over.get_mut(place)?);
        let rest = life.stays.get(*over..).unwrap_or_default();
        *over += rest
            .iter()
            .take_while(|stay| stay.end_secs <= self.secs)
            .count();
        if let Some(next) = self.next_secs.get_mut(place) {
            let first = life.stays.get(*over);
            *next = first.map_or(f64::INFINITY, |stay| stay.start_secs);
        }
        Some((life, *over))
    }

    /// Returns whether it is known, without a look, that somebody is not there at a moment of the present event.
    ///
    /// Most are not, and their stays lie all over the memory.
    fn is_away(&self, place: usize, at_secs: f64) -> bool {
        self.next_secs
            .get(place)
            .is_some_and(|&next| at_secs < next)
    }

    /// Returns before when somebody surely does not leave who is there at a moment; `None` if that is not known without a look.
    fn stays_until(&self, place: usize, at_secs: f64) -> Option<f64> {
        let &(from, until) = self.known.get(place)?;
        (from <= at_secs && at_secs < until).then_some(until)
    }

    fn is_present(&mut self, place: usize, at_secs: f64) -> bool {
        !self.is_away(place, at_secs)
            && self
                .look(place)
                .is_some_and(|(life, over)| life.is_present_from(over, at_secs))
    }

    /// Returns when the stay ends in which somebody is at a moment; `None` if nobody would see it.
    fn leaves_after(&mut self, place: usize, at_secs: f64) -> Option<f64> {
        let (life, over) = self.look(place)?;
        let now = life.begun(over, at_secs).iter();
        let seen = now.filter(|stay| at_secs < stay.end_secs && stay.has_leave);
        let last = seen.copied().reduce(|last, stay| {
            if stay.end_secs > last.end_secs {
                stay
            } else {
                last
            }
        })?;
        if let Some(known) = self.known.get_mut(place) {
            *known = (last.start_secs, last.end_secs);
        }
        Some(last.end_secs)
    }

    fn mark(&mut self, place: usize, is_hit: bool) {
        if let Some(flag) = self.is_hit.get_mut(place) {
            *flag = is_hit;
        }
    }

    /// Lets the present event hit somebody in the victim's place.
    fn hit(&mut self, place: usize, victim: &Victim) {
        let secs = self.secs;
        let at_secs = secs + victim.quit_secs;
        match (self.look(place), victim.back_secs) {
            (Some((life, over)), Some(back)) => {
                life.interrupt(over, at_secs, secs + back, victim.cause);
            }
            (Some((life, over)), None) => life.leave_early(over, at_secs, victim.cause),
            (None, _) => {}
        }
        // Their stays are others now.
        if let (Some(next), Some(known)) =
            (self.next_secs.get_mut(place), self.known.get_mut(place))
        {
            *next = f64::NEG_INFINITY;
            *known = NOTHING_KNOWN;
        }
    }

    /// Returns somebody who is there and not hit yet.
    fn anybody(
        &mut self,
        members: &[usize],
        at_secs: f64,
        rng: &mut Xoshiro256PlusPlus,
    ) -> Option<usize> {
        let mut draws = (0..STAND_IN_DRAWS).filter_map(|_| {
            let draw = uniform(rng.next_u64()) * number::real(members.len());
            let at = number::index_below(draw, members.len());
            members.get(at).copied()
        });
        draws.find(|&place| {
            self.is_hit.get(place) == Some(&false) && self.is_present(place, at_secs)
        })
    }

    /// Returns who would leave soonest of those who are there and not hit yet.
    fn soonest(&mut self, members: &[usize], at_secs: f64) -> Option<usize> {
        let mut soonest: Option<(f64, usize)> = None;
        for &place in members {
            if self.is_away(place, at_secs) || self.is_hit.get(place) != Some(&false) {
                continue;
            }
            let latest = soonest.map_or(f64::INFINITY, |(leaves, _)| leaves);
            let is_sooner = |leaves: f64| leaves < latest && leaves - at_secs < EARLY_SECS_MAX;
            let stays_on = self.stays_until(place, at_secs);
            if stays_on.is_some_and(|until| !is_sooner(until)) {
                continue;
            }
            let leaves = self.leaves_after(place, at_secs);
            if let Some(leaves) = leaves.filter(|&leaves| is_sooner(leaves)) {
                soonest = Some((leaves, place));
            }
        }
        soonest.map(|(_, place)| place)
    }
}

/// Ends a life's stays with the run.
fn cut(life: &mut Life, until_secs: f64) {
    life.stays.retain_mut(|stay| {
        if stay.end_secs >= until_secs {
            stay.end_secs = until_secs;
            stay.has_leave = false;
        }
        stay.start_secs < until_secs
    });
}

#[cfg(test)]
mod tests;
