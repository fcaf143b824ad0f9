//! One user's virtual connection: bytes under way in both directions, in order.

use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::Distribution;
use rand_distr::LogNormal;

use crate::irc::fault::lie::Liar;
use crate::irc::fault::link::Delay;
use crate::irc::fault::link::LinkFault;
use crate::irc::wire::framer::Framer;
use crate::units::offset::Offset;

#[derive(Debug)]
pub(crate) struct Link {
    /// Counts the connections: what is under way of an earlier one is void.
    pub(crate) epoch: u32,
    pub(crate) is_up: bool,
    /// Our side has closed; the network has not been told yet, or has not ended it.
    pub(crate) is_half_closed: bool,
    pub(crate) fault: Option<LinkFault>,
    pub(crate) is_deaf: bool,
    /// The connection that was reset last: what was under way on it is gone.
    pub(crate) reset_epoch: Option<u32>,
    pub(crate) stalled_until: Offset,
    pub(crate) framer: Framer,
    pub(crate) liar: Option<Liar>,
    rng: Xoshiro256PlusPlus,
    spread: Option<LogNormal<f64>>,
    delay: Delay,
    up_until: Offset,
    down_until: Offset,
}

impl Link {
    pub(crate) fn new(
        rng: Xoshiro256PlusPlus,
        delay: Delay,
        fault: Option<LinkFault>,
        liar: Option<Liar>,
    ) -> Self {
        // A bad spread means none: the base delay alone.
        let spread = LogNormal::new(delay.spread.as_secs_f64().ln(), delay.sigma).ok();
        Self {
            epoch: 0,
            is_up: false,
            is_half_closed: false,
            fault,
            is_deaf: false,
            reset_epoch: None,
            stalled_until: Offset::ALWAYS,
            framer: Framer::new(),
            liar,
            rng,
            spread,
            delay,
            up_until: Offset::ALWAYS,
            down_until: Offset::ALWAYS,
        }
    }

    fn arrival(&mut self, now: Offset) -> Offset {
        let spread = self
            .spread
            .map_or(0.0, |spread| spread.sample(&mut self.rng))
            .clamp(0.0, 5.0);
        now.max(self.stalled_until) + self.delay.base + std::time::Duration::from_secs_f64(spread)
    }

    /// Returns when what is sent now towards the network arrives; never before what was sent earlier.
    pub(crate) fn up(&mut self, now: Offset) -> Offset {
        self.up_until = self.up_until.max(self.arrival(now));
        self.up_until
    }

    /// Returns when what is sent now towards the user arrives; never before what was sent earlier.
    pub(crate) fn down(&mut self, now: Offset) -> Offset {
        self.down_until = self.down_until.max(self.arrival(now));
        self.down_until
    }

    /// Begins the next connection.
    pub(crate) fn reopen(&mut self) {
        self.epoch += 1;
        self.is_up = false;
        self.is_half_closed = false;
        self.is_deaf = false;
        self.framer = Framer::new();
        self.stalled_until = Offset::ALWAYS;
        self.up_until = Offset::ALWAYS;
        self.down_until = Offset::ALWAYS;
    }
}
