//! Lock files: what is read back, and what is damage.

use super::super::Class;
use super::{
    super::{Now, PathKey, Timestamp, Token, Ttl, Worktree, holder::NewLease},
    *,
};

fn now() -> Now {
    Now { wall: Timestamp::from_unix_ms(1_795_228_279_860), mono_ms: 5 }
}

fn path(text: &str) -> Resource {
    Resource::Path(Worktree::MAIN, PathKey::new(text.split('/').map(str::as_bytes)).unwrap())
}

fn holder(agent: &str, number: u64, resources: &[Resource]) -> Holder {
    Holder::grant(NewLease {
        agent: &AgentId::new(agent).unwrap(),
        resources,
        class: Class::Explicit,
        max_hold: None,
        wrapper: None,
        number,
        era: 1000,
        same_boot: true,
        token: Token::from_bits(7),
        ttl: Ttl::DEFAULT,
        reason: "new login".to_owned(),
        host: "box",
        now: now(),
    })
}

fn sample() -> (ClaimKey, LockFile) {
    let resource = path("src/auth.rs");
    let holder = holder("alice", 1042, std::slice::from_ref(&resource));
    (resource.claim(), LockFile::new(&resource, Mode::Exclusive, holder, 1042))
}

#[test]
fn a_file_reads_back_and_keeps_what_a_later_version_added() {
    let (key, file) = sample();
    let text = String::from_utf8(file.to_bytes().unwrap()).unwrap();
    assert!(text.contains("\"locked_at\": 1795228279.86,"), "{text}");
    let mut richer: Value = serde_json::from_str(&text).unwrap();
    richer["colour"] = "blue".into();
    richer["holders"][0]["mood"] = serde_json::json!({"calm": [1, 2]});
    let bytes = serde_json::to_vec(&richer).unwrap();
    let mut read = parse_lock(&key, &bytes).unwrap();
    read.keep_unknown(&key, &bytes).unwrap();
    let mut holders = read.holders().to_vec();
    holders[0].renew(now(), true, None, None);
    holders.push(holder("bob", 1050, &[path("src/auth.rs")]));
    let shared = read.rewritten(1050, Mode::Shared, holders);
    let again = serde_json::from_slice::<Value>(&shared.to_bytes().unwrap()).unwrap();
    assert_eq!(again["colour"], "blue");
    assert_eq!(again["holders"][0]["mood"]["calm"][1], 2);
    assert_eq!(again["holders"][0]["fence"], 1042);
    assert_eq!(again["holders"][1]["agent_id"], "bob");
    assert_eq!(again["change"], 1050);
    assert_eq!(again.as_object().unwrap().len(), richer.as_object().unwrap().len());
}

#[test]
fn what_is_no_lock_file_is_damage_and_what_is_newer_is_newer() {
    let (key, file) = sample();
    let good: Value = serde_json::from_slice(&file.to_bytes().unwrap()).unwrap();
    let with = |at: &str, value: Value| {
        let mut changed = good.clone();
        *changed.pointer_mut(at).unwrap() = value;
        serde_json::to_vec(&changed).unwrap()
    };
    let files = |files: &[&str]| {
        let mut changed = good.clone();
        changed["holders"][0]["files"] = serde_json::json!(files);
        serde_json::to_vec(&changed).unwrap()
    };
    let twice = Value::Array(vec![good["holders"][0].clone(), good["holders"][0].clone()]);
    let deep = format!("{{\"v\":1,\"x\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let mut both = good.clone();
    both["mode"] = "shared".into();
    assert!(parse_lock(&key, &serde_json::to_vec(&both).unwrap()).is_ok(), "the control");
    both["holders"] = twice.clone();
    let cases: Vec<Vec<u8>> = vec![
        vec![],
        b"garbage".to_vec(),
        b"\0\0\0\0".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"{}".to_vec(),
        deep.into_bytes(),
        file.to_bytes().unwrap()[..200].to_vec(),
        with("/filepath", "src/other.rs".into()),
        with("/filepath", "src/../src/auth.rs".into()),
        with("/kind", "name".into()),
        with("/kind", "tree".into()),
        with("/kind", "glob".into()),
        with("/mode", "both".into()),
        with("/agent_id", "bob".into()),
        with("/agent_id", "../bob".into()),
        with("/holders", Value::Array(vec![])),
        with("/holders", twice),
        serde_json::to_vec(&both).unwrap(),
        with("/holders/0/fence", 10.into()),
        with("/holders/0/lease", "l-1042\nl-1043".into()),
        with("/holders/0/fence", (-1).into()),
        with("/holders/0/ttl_s", 0.into()),
        with("/holders/0/ttl_s", u64::MAX.into()),
        with("/holders/0/ttl_s", "900".into()),
        with("/holders/0/renewed_at", "soon".into()),
        with("/holders/0/token", "short".into()),
        with("/worktree", "other".into()),
        with("/worktree", "-".into()),
        with("/holders/0/class", "auto".into()),
        with("/holders/0/class", "Automatic".into()),
        with("/holders/0/class", Value::Null),
        files(&["paths/-/other.lock"]),
        files(&["paths/-/src%2Fauth.rs.lock", "paths/-/other.lock"]),
        files(&["../../etc/passwd"]),
    ];
    for bytes in cases {
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        assert!(matches!(parse_lock(&key, &bytes), Err(Error::Damaged { .. })), "{start}");
    }
    assert!(matches!(parse_lock(&key, &with("/v", 2.into())), Err(Error::Newer { version: 2, .. })));
    assert!(matches!(parse_lock(&key, b"{\"v\":7}"), Err(Error::Newer { version: 7, .. })));
}

#[test]
fn a_lease_over_several_names_the_file_that_grants_it_and_shrinks_to_what_is_left() {
    let resources = [path("a"), path("b"), path("c")];
    let [a, b, c] = resources.each_ref().map(Resource::claim);
    let mut lease = holder("alice", 1042, &resources);
    assert_eq!((lease.granted_by(&a), lease.granted_by(&c)), (Some(c.clone()), None));
    assert_eq!(lease.claims(&b), [a.clone(), b.clone(), c.clone()]);
    lease.shrink(&[a.clone(), b.clone()]);
    assert_eq!((lease.granted_by(&a), lease.granted_by(&b)), (Some(b.clone()), None));
    assert_eq!(lease.resources, ["a", "b"]);
    lease.shrink(std::slice::from_ref(&a));
    assert_eq!(
        (lease.granted_by(&a), lease.claims(&a), lease.resources.as_slice()),
        (None, vec![a], &["a".to_owned()][..])
    );
    assert!(lease.files.is_empty());
}

#[test]
fn an_automatic_lease_stands_beside_runs_of_its_agent_and_beside_nothing_else() {
    use Class::{Automatic, Explicit, Run};
    let (key, resource) = (path("src/auth.rs").claim(), path("src/auth.rs"));
    let lease = |(at, (agent, class)): (usize, &(&str, Class))| {
        let number = 1042 + u64::try_from(at).unwrap();
        Holder { class: *class, ..holder(agent, number, std::slice::from_ref(&resource)) }
    };
    let read = |mode, leases: &[(&str, Class)]| {
        let holders: Vec<Holder> = leases.iter().enumerate().map(lease).collect();
        let bytes = LockFile::new(&resource, mode, holders[0].clone(), 1042).rewritten(1050, mode, holders).to_bytes();
        let bytes = bytes.unwrap();
        let read = parse_lock(&key, &bytes);
        if let Ok(file) = &read {
            assert_eq!(file.to_bytes().unwrap(), bytes, "rewritten byte for byte: {leases:?}");
            let classes: Vec<Class> = file.holders().iter().map(|holder| holder.class).collect();
            assert_eq!(classes, leases.iter().map(|(_, class)| *class).collect::<Vec<_>>());
        }
        read.is_ok()
    };
    for (leases, exclusive, shared) in [
        (&[("alice", Automatic)][..], true, true),
        (&[("alice", Automatic), ("alice", Run)], true, true),
        (&[("alice", Run), ("alice", Automatic)], true, true),
        (&[("alice", Run), ("alice", Automatic), ("alice", Run)], true, true),
        (&[("alice", Automatic), ("alice", Explicit)], false, true),
        (&[("alice", Automatic), ("alice", Automatic)], false, true),
        (&[("alice", Run), ("alice", Automatic), ("alice", Explicit)], false, true),
        (&[("alice", Automatic), ("bob", Automatic)], false, true),
        (&[("alice", Automatic), ("bob", Explicit)], false, true),
        (&[("alice", Automatic), ("bob", Run)], false, true),
        (&[("alice", Automatic), ("alice.7d21e0aa", Automatic)], false, true),
    ] {
        let found = (read(Mode::Exclusive, leases), read(Mode::Shared, leases));
        assert_eq!(found, (exclusive, shared), "{leases:?}");
    }
}
