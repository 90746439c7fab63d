use crate::{
    harness::Site,
    hooks::{Session, denied},
};

#[test]
fn a_file_that_another_edits_is_refused_and_free_when_its_turn_has_ended() {
    let site = Site::new();
    site.nobody().run(["init"]).expect(0);
    let (one, other) = (Session::new(&site, "one"), Session::new(&site, "other"));
    assert_eq!(one.edit("a").expect(0).out, "");
    let refused = other.edit("a").expect(2);
    let why = denied(&refused);
    assert!(why.contains(&format!("a is held by {}, by editing it since ", one.id())), "{refused}");
    assert!(why.ends_with(&format!("next: swarmlock acquire {} --wait", site.path("a").display())), "{refused}");
    assert_eq!(refused.err.trim_end(), why, "the same on stderr");
    one.hook("Stop", serde_json::json!({ "stop_hook_active": false })).expect(0);
    assert_eq!(other.edit("a").expect(0).out, "");
    one.edit("a").expect(2);
}
