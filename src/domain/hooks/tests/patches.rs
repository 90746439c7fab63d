use crate::domain::hooks::patch;

fn files(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    patch::files(text, |name| found.push(name));
    found
}

#[test]
fn every_file_of_a_patch_is_found() {
    let table: [(&str, &[&str]); 19] = [
        ("*** Begin Patch\n*** Add File: a\n+x\n*** End Patch", &["a"]),
        ("*** Begin Patch\n*** Update File: a\n@@\n-x\n+y\n*** Delete File: b\n*** End Patch\n", &["a", "b"]),
        ("*** Begin Patch\n*** Update File: a\n*** Move to: b\n@@\n-x\n+y\n*** End Patch", &["a", "b"]),
        ("*** Begin Patch\r\n*** Update File: a b.txt\r\n@@\r\n x\r\n*** End Patch\r\n", &["a b.txt"]),
        ("  *** Begin Patch  \n  *** Add File:  /abs/é.txt \n+x\n *** End Patch ", &["/abs/é.txt"]),
        // Headers that are set in are headers before hunks, and lines of the file in them.
        ("*** Begin Patch\n*** Add File: a\n+x\n  *** Delete File: b\n*** End Patch", &["a", "b"]),
        ("*** Begin Patch\n*** Update File: a\n@@\n *** Delete File: b\n-*** Add File: c\n*** End Patch", &["a"]),
        ("*** Begin Patch\n*** Add File: a\n+*** Update File: b\n+*** End Patch\n+y\n*** Add File: c\n", &["a", "c"]),
        ("*** Begin Patch\n*** Update File: a\n@@\n+*** Move to: b\n*** End of File\n*** Update File: c", &["a", "c"]),
        // There are tools that do not look for the beginning and the end.
        ("*** Add File: a\n+x\n*** Begin Patch\n*** Add File: b\n+x\n*** End Patch", &["a", "b"]),
        ("*** Begin Patch\n*** Add File: a\n+x\n*** End Patch of it\n*** Add File: b\n+x\n*** End Patch", &["a", "b"]),
        ("apply_patch \"*** Begin Patch\n*** Add File: a\n+x\n*** End Patch\"", &["a"]),
        (
            "*** Begin Patch\n*** Add File: a\n*** End Patch\n*** Begin Patch\n*** Update File: a\n*** Move to: b",
            &["a", "a", "b"],
        ),
        ("*** Begin Patch\n*** Environment ID: 1\n*** Add File: a\n+x\n*** End Patch", &["a"]),
        // Without a beginning all of it is the patch.
        ("*** Update File: a\n@@\n-x\n+y", &["a"]),
        // Bad ones.
        ("", &[]),
        ("*** Begin Patch\n*** Add File:\n*** Add File:   \n*** Rename File: a\n***Add File: b\n*** End Patch", &[]),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", &[]),
        ("*** Begin Patch", &[]),
    ];
    for (text, wanted) in table {
        assert_eq!(files(text), wanted, "{text}");
    }
}

#[test]
fn a_patch_without_a_blank_after_the_colon_names_its_file_too() {
    assert_eq!(files("*** Begin Patch\n*** Add File:a\n*** Update File:\tb\n"), ["a", "b"]);
}

#[test]
fn in_a_command_only_what_stands_in_patches_is_named() {
    let named = |command: &str| {
        let mut found = Vec::new();
        patch::files_in_command(command, |before, name| found.push(format!("{}:{name}", before.concat())));
        found
    };
    let one = "*** Begin Patch\n*** Add File: a\n+x\n*** End Patch\n";
    assert_eq!(named(&format!("ls\n{one}E\n*** Add File: b")), ["ls\n:a"]);
    assert_eq!(named(&format!("ls {one}E\ncd x\n{one}")), ["ls :a", "ls \nE\ncd x\n:a"]);
    let update = "*** Begin Patch\n*** Update File: a\n@@\n *** End Patch\n*** Add File: b\n+x";
    assert_eq!(named(update), [":a", ":b"]);
    assert!(named("*** Add File: a\n*** End Patch").is_empty());
}
