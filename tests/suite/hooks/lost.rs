//! Leases that an agent lost: it is told, and its first edit after that is refused once.

use serde_json::{Value, json};

use super::{
    Session,
    acting::{held, hook, refused, silent, site},
    told,
};
use crate::{harness::Site, hostile::end_the_era};

/// A session that had locked `a` by editing it, and has lost it to another that edited it too and has ended its turn.
fn taken_over(site: &Site) -> (Session<'_>, Session<'_>) {
    let (one, other) = (Session::new(site, "one"), Session::new(site, "other"));
    one.edits("a");
    site.expire("a");
    other.edits("a");
    other.stops();
    (one, other)
}

#[test]
fn a_loss_is_told_once_at_the_next_event() {
    let site = site();
    let (one, other) = taken_over(&site);
    let run = one.works();
    let text = told(&run);
    let said = format!("{} took it over (your lease was expired)", other.id());
    assert!(text.starts_with("swarmlock: You lost a at ") && text.contains(&said), "{run}");
    silent(&one.works());
    silent(&one.starts_nothing());
}

#[test]
fn a_loss_is_told_at_a_prompt_once_whether_the_page_of_messages_has_room_for_it_or_not() {
    let prompt = |one: &Session<'_>| told(&one.hook("UserPromptSubmit", json!({ "prompt": "x" })));
    for messages in [0, 12] {
        let site = site();
        let one = Session::new(&site, "one");
        one.edits("a");
        for from in 0..messages {
            let text = "x".repeat(1000);
            site.agent(&format!("m{from}")).run(["send", &one.id(), "INFO", &text]).expect(0);
        }
        site.agent("bob").run(["force-release", "a", "--yes"]).expect(0);
        let text = prompt(&one);
        assert_eq!(text.contains(" more: swarmlock inbox"), messages > 0, "the control: {text}");
        assert!(text.contains("bob"), "{messages}: {text}");
        assert_eq!(text.contains("swarmlock: You lost a at "), messages > 0, "{messages}: {text}");
        silent(&one.works());
    }
}

#[test]
fn the_first_edit_of_what_was_lost_is_refused_and_the_second_goes_through() {
    let site = site();
    let (one, other) = taken_over(&site);
    // Whether it was told or not.
    let why = one.is_refused("a", "was refused, this once");
    assert!(why.contains(&format!("Since then it was held by {}.", other.id())), "{why}");
    // It has the file by now: nobody writes it between its reading and its second edit.
    other.is_refused("a", &format!("a is held by {}", one.id()));
    one.edits("a");
    one.edits("a");
    one.stops();
    one.edits("a");
}

#[test]
fn who_was_told_of_the_loss_is_refused_once_too() {
    let site = site();
    let (one, _) = taken_over(&site);
    one.works();
    one.is_refused("a", "was refused, this once");
    one.edits("a");
}

#[test]
fn what_was_released_by_force_is_refused_once_naming_who_did_it() {
    let site = site();
    let one = Session::new(&site, "one");
    for (file, explicit) in [("a", false), ("b", true)] {
        if explicit {
            one.shell(["acquire", file]).expect(0);
        } else {
            one.edits(file);
        }
        site.agent("bob").run(["force-release", file, "--yes", "--reason", "urgent"]).expect(0);
        one.is_refused(file, &format!("You lost {file} at "));
        one.stops();
        one.edits(file);
    }
    let run = one.works();
    assert!(!told(&run).contains("You lost"), "what is had again is not told: {run}");
}

#[test]
fn what_was_swept_away_is_refused_only_if_another_has_had_it_since() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    for file in ["a", "b"] {
        one.edits(file);
        site.expire(file);
    }
    site.nobody().run(["cleanup"]).expect(0);
    assert!(held(&site, "a").is_none() && held(&site, "b").is_none());
    other.edits("b");
    other.stops();
    let text = told(&one.works());
    assert!(
        text.contains("You lost a at ") && text.contains("was swept away") && text.contains("You lost b"),
        "{text}"
    );
    one.edits("a");
    one.is_refused("b", &format!("Since then it was held by {}", other.id()));
    one.edits("b");
}

#[test]
fn each_of_two_lost_files_is_refused_once() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    for file in ["a", "b"] {
        one.edits(file);
        site.expire(file);
        other.edits(file);
    }
    other.stops();
    let text = told(&one.works());
    assert!(text.contains("You lost a at ") && text.contains("You lost b at "), "{text}");
    one.is_refused("a", "this once");
    one.edits("a");
    one.is_refused("b", "this once");
    one.edits("b");
}

#[test]
fn two_lost_files_of_one_call_are_each_refused_before_both_go_through() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    for file in ["a", "b"] {
        one.edits(file);
        site.expire(file);
        other.edits(file);
    }
    other.stops();
    let patch = "*** Begin Patch\n*** Add File: a\n+x\n*** Add File: b\n+x\n*** End Patch";
    let call = || one.hook("PreToolUse", json!({ "tool_name": "apply_patch", "tool_input": { "input": patch } }));
    let why = refused(&call(), "this once");
    assert!(why.contains("You lost a at ") && why.contains("You lost b at "), "both are named: {why}");
    silent(&call());
}

#[test]
fn a_file_below_a_lost_tree_is_refused_once() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    one.shell(["acquire", "src/"]).expect(0);
    site.agent("bob").run(["force-release", "src/", "--yes"]).expect(0);
    other.edits("src/b");
    other.stops();
    one.is_refused("src/a", "You lost src/ at ");
    one.edits("src/a");
    one.edits("elsewhere");
}

#[test]
fn what_was_lost_and_is_held_by_another_now_is_refused_for_that_and_then_once_more() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    one.edits("a");
    site.expire("a");
    other.edits("a");
    one.is_refused("a", &format!("a is held by {}", other.id()));
    one.is_refused("a", "is held by");
    other.stops();
    one.is_refused("a", "this once. You lost a at ");
    one.edits("a");
}

#[test]
fn what_was_given_up_or_let_go_by_itself_is_no_loss() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    one.edits("a");
    one.stops();
    one.shell(["acquire", "b"]).expect(0);
    one.shell(["release", "b"]).expect(0);
    for file in ["a", "b"] {
        other.edits(file);
    }
    other.stops();
    silent(&one.works());
    one.edits("a");
    one.edits("b");
    // Its own is taken up again when nobody has had it meanwhile.
    site.expire("a");
    one.edits("a");
    silent(&one.works());
}

#[test]
fn a_loss_of_one_session_is_none_of_another() {
    let site = site();
    let (one, other) = taken_over(&site);
    Session::new(&site, "third").edits("a");
    Session::new(&site, "third").stops();
    silent(&other.works());
    one.is_refused("a", "this once");
}

/// As after a restart of the machine: what was held before is over.
#[test]
fn what_a_restart_has_ended_is_lost_only_to_who_has_had_it_since() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    for file in ["a", "b"] {
        one.edits(file);
    }
    end_the_era(&site);
    other.edits("a");
    other.stops();
    one.edits("b");
    one.is_refused("a", "this once");
    one.edits("a");
    one.stops();
    assert!(held(&site, "a").is_none() && held(&site, "b").is_none());
}

/// It is made again from the log.
#[test]
fn a_damaged_account_of_an_agent_costs_nothing() {
    let site = site();
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    let ledger = format!("hooks/{}", one.id());
    for damage in [&b""[..], b"garbage", b"{\"v\":99}", b"{\"v\":1,\"agent_id\":\"other\",\"offset\":7}", &[0; 4096]] {
        one.edits("a");
        one.works();
        site.expire("a");
        other.edits("a");
        other.stops();
        one.works();
        site.plant(&ledger, damage);
        one.is_refused("a", "this once");
        one.edits("a");
        site.plant(&ledger, damage);
        one.stops();
        assert!(held(&site, "a").is_none(), "{:?}", String::from_utf8_lossy(damage));
    }
}

/// Cursor shows an agent nothing when a prompt is given.
#[test]
fn a_loss_is_not_taken_for_told_where_the_agent_cannot_be_told() {
    let site = site();
    let call = |event: &str, more: Value| {
        let mut payload = json!({ "conversation_id": "c", "workspace_roots": [site.root()], "hook_event_name": event });
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        hook(&site, &[event, "--harness", "cursor"], payload.to_string()).expect(0)
    };
    call("preToolUse", json!({ "tool_name": "Write", "tool_input": { "file_path": site.path("a") } }));
    site.agent("bob").run(["force-release", "a", "--yes"]).expect(0);
    for event in ["beforeSubmitPrompt", "stop", "preCompact"] {
        let run = call(event, json!({}));
        assert!(!run.out.contains("You lost"), "{event}: {run}");
    }
    let run = call("postToolUse", json!({ "tool_name": "Read" }));
    assert!(run.json()["additional_context"].as_str().unwrap_or_default().contains("You lost a at "), "{run}");
    assert!(!call("postToolUse", json!({ "tool_name": "Read" })).out.contains("You lost"));
}

impl Session<'_> {
    /// Is about to use a tool that writes nothing.
    fn starts_nothing(&self) -> crate::harness::Run {
        self.hook("PreToolUse", json!({ "tool_name": "Read", "tool_input": { "file_path": "/x" } }))
    }
}
