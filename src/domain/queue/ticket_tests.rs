use super::*;
use crate::{
    domain::{NameKey, Now},
    store::CurrentEra,
};

const WALL: u64 = 1_795_228_279_000;
const MONO: u64 = 5_000_000;

fn ticket() -> Ticket {
    let resource = Resource::Name(NameKey::new("deploy").unwrap());
    Ticket::new(NewTicket {
        number: 1001,
        era: 1000,
        agent: &AgentId::new("alice").unwrap(),
        class: Class::Explicit,
        keep: Keep::Wait,
        mode: Mode::Exclusive,
        resources: &[resource],
        inside: &[],
        ttl: Ttl::try_from(900).unwrap(),
        reason: "why \u{1}".to_owned(),
        made_at: Timestamp::from_unix_ms(WALL),
        made_mono_ms: Some(MONO),
        host: "box".to_owned(),
    })
}

/// At so many milliseconds after it was made.
fn facts(after_ms: u64) -> Facts {
    Facts {
        era: CurrentEra { number: Some(1000), recorded: 1000, same_boot: true },
        now: Now { wall: Timestamp::from_unix_ms(WALL + after_ms), mono_ms: MONO + after_ms },
    }
}

#[test]
fn what_is_written_is_read_again_and_its_state_is_overwritten_in_place() {
    let mut bytes = ticket().to_bytes().unwrap();
    let read = Ticket::parse(1001, &bytes).unwrap();
    assert_eq!((read.to_bytes().unwrap(), read.wanted().len()), (bytes.clone(), 1));
    let far = Timestamp::from_unix_ms(253_402_300_799_999);
    let state = TicketState {
        change: (1 << 53) - 1,
        passed: u8::MAX,
        turn_at: Some(far),
        turn_mono_ms: Some(u64::MAX),
        away_at: Some(far),
        away_mono_ms: Some(u64::MAX),
    };
    bytes[..STATE_WIDTH].copy_from_slice(&state.to_bytes().unwrap());
    let read = Ticket::parse(1001, &bytes).unwrap();
    assert_eq!((read.state, read.reason.as_str()), (state, "why \u{1}"));
}

#[test]
fn what_does_not_fit_together_is_no_ticket() {
    let whole = String::from_utf8(ticket().to_bytes().unwrap()).unwrap();
    assert!(Ticket::parse(1001, whole.as_bytes()).is_ok());
    assert!(Ticket::parse(1002, whole.as_bytes()).is_err(), "another's number");
    for (old, new) in [
        ("\"number\": 1001", "\"number\": 1002"),
        ("\"ticket\": \"t-1001\"", "\"ticket\": \"t-1002\""),
        ("\"era\": 1000", "\"era\": 1001"),
        ("\"v\": 1", "\"v\": 2"),
        ("\"kind\": \"name\"", "\"kind\": \"thing\""),
        ("\"filepath\": \"name:deploy\"", "\"filepath\": \"\""),
        ("\"resources\": [", "\"resources\": [\"a\", "),
        ("\"agent_id\": \"alice\"", "\"agent_id\": \"../alice\""),
        ("}", ""),
    ] {
        assert!(whole.contains(old), "{old} in {whole}");
        assert!(Ticket::parse(1001, whole.replacen(old, new, 1).as_bytes()).is_err(), "{old} -> {new}");
    }
    for bytes in [&b""[..], b"{}", b"\xff", b"[]"] {
        assert!(Ticket::parse(1001, bytes).is_err());
    }
}

#[test]
fn the_table_of_what_a_ticket_counts_for() {
    use Presence::{Absent, Away, Waiting};
    use Turn::{Lapsed, NotYet, Running};
    let nothing = Evidence::NOTHING;
    let gone = Evidence { gone: true, seen: None };
    let state = |away: Option<u64>, turn: Option<u64>| TicketState {
        change: 1001,
        passed: 0,
        turn_at: turn.map(|after| Timestamp::from_unix_ms(WALL + after)),
        turn_mono_ms: turn.map(|after| MONO + after),
        away_at: away.map(|after| Timestamp::from_unix_ms(WALL + after)),
        away_mono_ms: away.map(|after| MONO + after),
    };
    let line = Stand::InLine;
    let (wait, run) = (ticket(), Ticket { class: Class::Run, ..ticket() });
    let queue = Ticket { keep: Keep::Queue, ..ticket() };
    let automatic = Ticket { class: Class::Automatic, ..ticket() };
    // (ticket, state, held, evidence, now, what it counts for)
    for (row, (ticket, state, held, evidence, now, expected)) in [
        (&wait, state(None, None), true, &nothing, 1_000_000, line(Waiting, NotYet)),
        // A process that waits is alive, whatever is said of its agent.
        (&wait, state(None, None), true, &gone, 0, line(Waiting, NotYet)),
        (&wait, state(None, Some(0)), true, &nothing, 999, line(Waiting, Running)),
        (&wait, state(None, Some(0)), true, &nothing, 1_000, line(Waiting, Lapsed)),
        (&wait, state(None, None), false, &nothing, 1_000_000, line(Away, NotYet)),
        (&wait, state(None, None), false, &gone, 0, Stand::Dead),
        (&wait, state(Some(0), None), false, &nothing, 119_999, line(Away, NotYet)),
        (&wait, state(Some(0), None), false, &nothing, 120_000, Stand::Dead),
        (&wait, state(Some(0), Some(100_000)), false, &nothing, 120_000, line(Away, Running)),
        (&wait, state(Some(0), Some(100_000)), false, &nothing, 160_000, Stand::Dead),
        (&wait, state(Some(0), Some(0)), false, &nothing, 59_999, line(Away, Running)),
        (&wait, state(Some(0), Some(0)), false, &nothing, 60_000, line(Away, Lapsed)),
        // A turn in the future has not come.
        (&wait, state(None, Some(10_000)), true, &nothing, 9_999, line(Waiting, NotYet)),
        (&wait, state(None, Some(10_000)), true, &nothing, 10_000, line(Waiting, Running)),
        (&queue, state(Some(0), None), false, &nothing, 899_999, line(Away, NotYet)),
        (&queue, state(Some(0), None), false, &nothing, 900_000, Stand::Dead),
        (&queue, state(None, None), true, &nothing, 1_000_000, line(Waiting, NotYet)),
        (&run, state(None, None), true, &nothing, 0, line(Waiting, NotYet)),
        (&run, state(Some(0), Some(0)), false, &nothing, 0, line(Absent, Running)),
        (&run, state(Some(0), None), false, &nothing, 120_000, Stand::Dead),
        // The agent's own, as one that it asked for.
        (&automatic, state(None, None), true, &gone, 0, line(Waiting, NotYet)),
        (&automatic, state(Some(0), None), false, &nothing, 119_999, line(Away, NotYet)),
        (&automatic, state(Some(0), Some(0)), false, &nothing, 0, line(Away, Running)),
        (&automatic, state(Some(0), None), false, &nothing, 120_000, Stand::Dead),
        (&automatic, state(None, None), false, &gone, 0, Stand::Dead),
    ]
    .into_iter()
    .enumerate()
    {
        let ticket = Ticket { state, ..ticket.clone() };
        assert_eq!(stand(&ticket, held, &facts(now), evidence), expected, "row {row}");
    }
    let other_era = Facts { era: CurrentEra { number: Some(999), recorded: 999, same_boot: true }, ..facts(0) };
    assert_eq!(stand(&wait, true, &other_era, &nothing), Stand::Dead);
    // The wall clock may jump; where the monotonic one compares, it counts.
    let jumped = Facts { now: Now { wall: Timestamp::from_unix_ms(0), mono_ms: MONO + 999 }, ..facts(0) };
    let ticket = Ticket { state: state(None, Some(0)), ..wait };
    assert_eq!(stand(&ticket, true, &jumped, &nothing), line(Waiting, Running));
}
