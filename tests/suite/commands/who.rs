use crate::harness::Site;

#[test]
fn a_holder_is_a_row_of_the_list_and_nobody_is_13() {
    let site = Site::new();
    let nobody = site.nobody().run(["who", "a"]).expect(13);
    assert_eq!(nobody.out, "");
    assert!(nobody.err.contains("a: nobody holds it\nnext: swarmlock acquire a\n"), "{nobody}");
    assert!(!site.state("").exists());
    site.agent("alice").run(["acquire", "a", "--reason", "why"]).expect(0);
    for name in ["who", "who-has-lock"] {
        let run = site.nobody().run([name, "a"]).expect(0);
        assert_eq!(run.out, site.nobody().run(["list"]).out, "{run}");
        assert!(
            run.out.starts_with("a\talice\tlive\t") && run.out.ends_with("\twhy\texclusive\t-\texplicit\n"),
            "{run}"
        );
    }
    assert_eq!(site.nobody().run(["who", "a", "--json"]).expect(0).json()["agent_id"], "alice");
}

#[test]
fn a_lease_that_is_over_is_held_by_nobody_but_its_last_holder_is_named() {
    let site = Site::new();
    site.agent("alice").run(["acquire", "a"]).expect(0);
    site.expire("a");
    let run = site.nobody().run(["who", "a"]).expect(13);
    assert!(run.err.contains("a: nobody holds it: alice since ") && run.err.contains("expired "), "{run}");
}
