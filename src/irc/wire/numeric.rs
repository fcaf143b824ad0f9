//! The numerics by name.

/// Registration is complete; the first parameter is the own nick.
pub const RPL_WELCOME: u16 = 1;
/// The server's name and version.
pub const RPL_YOURHOST: u16 = 2;
/// When the server was started.
pub const RPL_CREATED: u16 = 3;
/// Server, version, and mode letters.
pub const RPL_MYINFO: u16 = 4;
/// What the server supports, as tokens.
pub const RPL_ISUPPORT: u16 = 5;
/// A command and how often it was used.
pub const RPL_STATSCOMMANDS: u16 = 212;
/// The end of a report of STATS.
pub const RPL_ENDOFSTATS: u16 = 219;
/// The own user modes.
pub const RPL_UMODEIS: u16 = 221;
/// The highest connection count.
pub const RPL_STATSCONN: u16 = 250;
/// How many users there are.
pub const RPL_LUSERCLIENT: u16 = 251;
/// How many operators are online.
pub const RPL_LUSEROP: u16 = 252;
/// How many connections are not yet registered.
pub const RPL_LUSERUNKNOWN: u16 = 253;
/// How many channels there are.
pub const RPL_LUSERCHANNELS: u16 = 254;
/// How many clients this server has.
pub const RPL_LUSERME: u16 = 255;
/// The administrative info of a server begins.
pub const RPL_ADMINME: u16 = 256;
/// Where the server is.
pub const RPL_ADMINLOC1: u16 = 257;
/// Who runs it.
pub const RPL_ADMINLOC2: u16 = 258;
/// How to reach them.
pub const RPL_ADMINEMAIL: u16 = 259;
/// The server is too busy for this command now.
pub const RPL_TRYAGAIN: u16 = 263;
/// Users of this server, now and at most.
pub const RPL_LOCALUSERS: u16 = 265;
/// Users of the network, now and at most.
pub const RPL_GLOBALUSERS: u16 = 266;
/// The addressee is away.
pub const RPL_AWAY: u16 = 301;
/// The reply to USERHOST.
pub const RPL_USERHOST: u16 = 302;
/// The reply to ISON.
pub const RPL_ISON: u16 = 303;
/// No longer away.
pub const RPL_UNAWAY: u16 = 305;
/// Marked as away.
pub const RPL_NOWAWAY: u16 = 306;
/// A user's name and host.
pub const RPL_WHOISUSER: u16 = 311;
/// A user's server.
pub const RPL_WHOISSERVER: u16 = 312;
/// Who had a nick.
pub const RPL_WHOWASUSER: u16 = 314;
/// The end of WHO.
pub const RPL_ENDOFWHO: u16 = 315;
/// How long a user has been idle.
pub const RPL_WHOISIDLE: u16 = 317;
/// The end of WHOIS.
pub const RPL_ENDOFWHOIS: u16 = 318;
/// A user's channels.
pub const RPL_WHOISCHANNELS: u16 = 319;
/// A user's account.
pub const RPL_WHOISACCOUNT: u16 = 330;
/// The end of WHOWAS.
pub const RPL_ENDOFWHOWAS: u16 = 369;
/// Nobody had that nick.
pub const ERR_WASNOSUCHNICK: u16 = 406;
/// The list of channels begins.
pub const RPL_LISTSTART: u16 = 321;
/// One channel of the list.
pub const RPL_LIST: u16 = 322;
/// The end of LIST.
pub const RPL_LISTEND: u16 = 323;
/// A channel's modes.
pub const RPL_CHANNELMODEIS: u16 = 324;
/// When a channel came into being.
pub const RPL_CREATIONTIME: u16 = 329;
/// The channel has no topic.
pub const RPL_NOTOPIC: u16 = 331;
/// The channel's topic.
pub const RPL_TOPIC: u16 = 332;
/// Who set the topic, and when.
pub const RPL_TOPICWHOTIME: u16 = 333;
/// The invitation was passed on.
pub const RPL_INVITING: u16 = 341;
/// The server's version.
pub const RPL_VERSION: u16 = 351;
/// One user of a WHO.
pub const RPL_WHOREPLY: u16 = 352;
/// Members of a channel.
pub const RPL_NAMREPLY: u16 = 353;
/// One user of a WHOX.
pub const RPL_WHOSPCRPL: u16 = 354;
/// The end of NAMES.
pub const RPL_ENDOFNAMES: u16 = 366;
/// One ban of a channel.
pub const RPL_BANLIST: u16 = 367;
/// The end of the ban list.
pub const RPL_ENDOFBANLIST: u16 = 368;
/// A line of INFO.
pub const RPL_INFO: u16 = 371;
/// A line of the message of the day.
pub const RPL_MOTD: u16 = 372;
/// The end of INFO.
pub const RPL_ENDOFINFO: u16 = 374;
/// The message of the day begins.
pub const RPL_MOTDSTART: u16 = 375;
/// The message of the day ends; so does registration.
pub const RPL_ENDOFMOTD: u16 = 376;
/// The user is an operator now.
pub const RPL_YOUREOPER: u16 = 381;
/// The server's time.
pub const RPL_TIME: u16 = 391;
/// The host that others see from now on.
pub const RPL_VISIBLEHOST: u16 = 396;
/// A command was not carried out, for a reason of the server's own; the second parameter names the command.
pub const ERR_UNKNOWNERROR: u16 = 400;
/// No such nick or channel.
pub const ERR_NOSUCHNICK: u16 = 401;
/// No such server.
pub const ERR_NOSUCHSERVER: u16 = 402;
/// No such channel.
pub const ERR_NOSUCHCHANNEL: u16 = 403;
/// The channel does not take this message.
pub const ERR_CANNOTSENDTOCHAN: u16 = 404;
/// The user is in as many channels as allowed.
pub const ERR_TOOMANYCHANNELS: u16 = 405;
/// A line names too many targets.
pub const ERR_TOOMANYTARGETS: u16 = 407;
/// PING or PONG without a token.
pub const ERR_NOORIGIN: u16 = 409;
/// An unknown subcommand of CAP.
pub const ERR_INVALIDCAPCMD: u16 = 410;
/// A message without a target.
pub const ERR_NORECIPIENT: u16 = 411;
/// A message without text.
pub const ERR_NOTEXTTOSEND: u16 = 412;
/// The line is too long.
pub const ERR_INPUTTOOLONG: u16 = 417;
/// An unknown command.
pub const ERR_UNKNOWNCOMMAND: u16 = 421;
/// There is no message of the day; so ends registration too.
pub const ERR_NOMOTD: u16 = 422;
/// NICK without a nick.
pub const ERR_NONICKNAMEGIVEN: u16 = 431;
/// The nick has a form that is not allowed.
pub const ERR_ERRONEUSNICKNAME: u16 = 432;
/// The nick is taken.
pub const ERR_NICKNAMEINUSE: u16 = 433;
/// The nick collides with one of another server.
pub const ERR_NICKCOLLISION: u16 = 436;
/// The nick or channel is held back for now.
pub const ERR_UNAVAILRESOURCE: u16 = 437;
/// The named user is not on the channel.
pub const ERR_USERNOTINCHANNEL: u16 = 441;
/// The own user is not on the channel.
pub const ERR_NOTONCHANNEL: u16 = 442;
/// The invited user is on the channel.
pub const ERR_USERONCHANNEL: u16 = 443;
/// Registration comes first.
pub const ERR_NOTREGISTERED: u16 = 451;
/// Parameters are missing.
pub const ERR_NEEDMOREPARAMS: u16 = 461;
/// Registration can't be done again.
pub const ERR_ALREADYREGISTRED: u16 = 462;
/// The password is wrong, or none was given.
pub const ERR_PASSWDMISMATCH: u16 = 464;
/// The user is banned from the server.
pub const ERR_YOUREBANNEDCREEP: u16 = 465;
/// The channel has reached its limit (+l).
pub const ERR_CHANNELISFULL: u16 = 471;
/// An unknown mode letter.
pub const ERR_UNKNOWNMODE: u16 = 472;
/// The channel takes invited users only (+i).
pub const ERR_INVITEONLYCHAN: u16 = 473;
/// The user is banned from the channel (+b).
pub const ERR_BANNEDFROMCHAN: u16 = 474;
/// The channel's key is wrong or missing (+k).
pub const ERR_BADCHANNELKEY: u16 = 475;
/// The channel name has a form that is not allowed.
pub const ERR_BADCHANMASK: u16 = 476;
/// The channel's ban list is full.
pub const ERR_BANLISTFULL: u16 = 478;
/// Operators only.
pub const ERR_NOPRIVILEGES: u16 = 481;
/// Channel operators only.
pub const ERR_CHANOPRIVSNEEDED: u16 = 482;
/// Nobody may become operator from there, or under that name.
pub const ERR_NOOPERHOST: u16 = 491;
/// An unknown user mode.
pub const ERR_UMODEUNKNOWNFLAG: u16 = 501;
/// The modes of others can't be changed.
pub const ERR_USERSDONTMATCH: u16 = 502;
/// Nicks that are monitored and there.
pub const RPL_MONONLINE: u16 = 730;
/// Nicks that are monitored and not there.
pub const RPL_MONOFFLINE: u16 = 731;
/// Nicks that are monitored.
pub const RPL_MONLIST: u16 = 732;
/// The end of the list of monitored nicks.
pub const RPL_ENDOFMONLIST: u16 = 733;
/// No more nicks can be monitored.
pub const ERR_MONLISTFULL: u16 = 734;
/// Logged in to an account.
pub const RPL_LOGGEDIN: u16 = 900;
/// Logged out of an account.
pub const RPL_LOGGEDOUT: u16 = 901;
/// The account is locked or unavailable.
pub const ERR_NICKLOCKED: u16 = 902;
/// SASL succeeded.
pub const RPL_SASLSUCCESS: u16 = 903;
/// SASL did not succeed.
pub const ERR_SASLFAIL: u16 = 904;
/// The SASL message is too long.
pub const ERR_SASLTOOLONG: u16 = 905;
/// SASL was aborted by the client.
pub const ERR_SASLABORTED: u16 = 906;
/// SASL was done before.
pub const ERR_SASLALREADY: u16 = 907;
/// The SASL mechanisms on offer.
pub const RPL_SASLMECHS: u16 = 908;
