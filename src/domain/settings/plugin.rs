//! The plugin that OpenCode loads: a file of ours, that tells by itself whether somebody has changed it.

use serde_json::Value;

use super::{ours::Binary, record::sha256};

/// What a plugin of ours begins with; the SHA-256 of all lines below follows.
const MARK: &str = "// swarmlock: made by `swarmlock init`, and removed by `swarmlock uninstall`. Below: sha256 ";

const SOURCE: &str = include_str!("plugin.js");

/// Whose a file in the plugin's place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plugin {
    /// As we made it, now or with another version.
    Ours,
    /// Ours, changed by hand.
    Changed,
    /// Somebody else's.
    Foreign,
}

/// The plugin that calls this program.
#[must_use]
pub fn plugin(binary: &Binary) -> String {
    // A string of JSON is one of JavaScript too.
    let body = SOURCE.replace("\"@PROGRAM@\"", &Value::from(binary.word.as_str()).to_string());
    format!("{MARK}{}\n{body}", sha256(body.as_bytes()))
}

/// Whose this text is.
#[must_use]
pub fn recognise_plugin(text: &str) -> Plugin {
    let Some((digest, body)) = text.strip_prefix(MARK).and_then(|rest| rest.split_once('\n')) else {
        return Plugin::Foreign;
    };
    if digest.trim_end() == sha256(body.as_bytes()) { Plugin::Ours } else { Plugin::Changed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_tells_whether_it_was_changed() {
        let text = plugin(&Binary { word: "/a \"b\"/swarmlock".to_owned() });
        assert!(text.contains(r#"const PROGRAM = "/a \"b\"/swarmlock""#));
        assert_eq!(recognise_plugin(&text), Plugin::Ours);
        assert_eq!(recognise_plugin(&text.replace("5000", "9000")), Plugin::Changed);
        assert_eq!(recognise_plugin("export const A = 1\n"), Plugin::Foreign);
        assert_eq!(recognise_plugin(MARK), Plugin::Foreign);
    }
}
