//! What a harness tells a hook.

use std::{borrow::Cow, fmt};

use super::{
    input::Input,
    json::{self, Cursor, Fault, Raw},
};

/// The parts of a payload that matter, borrowed from it. What is missing, empty or of a wrong type is `None`; a number
/// counts as its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload<'a> {
    /// The session: `conversation_id` (Cursor), `session_id`, or another spelling of it.
    pub session: Option<Cow<'a, str>>,
    /// The subagent that acts: `agent_id`, `subagent_id`.
    pub agent_id: Option<Cow<'a, str>>,
    /// What kind of subagent it is: `agent_type`, `subagent_type`.
    pub agent_type: Option<Cow<'a, str>>,
    /// The directory that the session works in.
    pub cwd: Option<Cow<'a, str>>,
    /// The first of `workspace_roots`.
    pub workspace_root: Option<Cow<'a, str>>,
    /// What the harness calls the event: `hook_event_name`.
    pub event_name: Option<Cow<'a, str>>,
    /// The tool: `tool_name`, `tool`.
    pub tool_name: Option<Cow<'a, str>>,
    /// The id of the tool call.
    pub tool_use_id: Option<Cow<'a, str>>,
    /// Why a session begins: `startup`, `resume`, `clear`, `compact`.
    pub source: Option<Cow<'a, str>>,
    /// Why a session ends.
    pub reason: Option<Cow<'a, str>>,
    /// How a turn ended (Cursor): `completed`, `aborted`, `error`.
    pub status: Option<Cow<'a, str>>,
    /// Whether Cursor says it (`cursor_version`), which calls the hooks of Claude Code too.
    pub of_cursor: bool,
    /// Whether the turn goes on only because a hook blocked its end before: `stop_hook_active`, or a `loop_count`
    /// (Cursor) above 0.
    pub stop_hook_active: bool,
    /// What the tool is given.
    pub(super) tool_input: Option<Input<'a>>,
    /// The files that stand beside the fields above, not in what a tool is given: `file_path`, `path`, `paths`.
    pub(super) files: Vec<Raw<'a>>,
    /// The command of a shell that stands beside them.
    pub(super) command: Option<Raw<'a>>,
}

/// A payload that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPayload {
    /// There is nothing, or only blanks.
    Empty,
    /// It is a JSON value of another kind.
    NoObject,
    /// It ends too early.
    Cut,
    /// It is no JSON from this byte on, counted from 0.
    Broken(usize),
}

impl fmt::Display for BadPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the payload on standard input is empty"),
            Self::NoObject => f.write_str("the payload on standard input is no JSON object"),
            Self::Cut => f.write_str("the payload on standard input ends in the middle of its JSON"),
            Self::Broken(at) => write!(f, "the payload on standard input is no JSON from byte {at} on"),
        }
    }
}

impl std::error::Error for BadPayload {}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl<'a> Payload<'a> {
    /// Reads a payload. Of a key that stands there twice the last counts; what follows the object is not looked at.
    ///
    /// # Errors
    /// If it does not begin with a whole JSON object.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BadPayload> {
        let marked = bytes.strip_prefix(BYTE_ORDER_MARK);
        let shift = bytes.len() - marked.unwrap_or(bytes).len();
        let text = marked.unwrap_or(bytes);
        let bad = |fault| match fault {
            Fault::Ends => BadPayload::Cut,
            Fault::At(at) => BadPayload::Broken(at + shift),
        };
        match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => return Err(BadPayload::Empty),
            Some(b'{') => {}
            Some(_) => return Err(json::first_value(text).map_or_else(bad, |_| BadPayload::NoObject)),
        }
        let mut seen = Seen::default();
        Cursor::new(text).object(|cursor, key| seen.take(cursor, key)).map_err(bad)?;
        Ok(seen.payload())
    }
}

/// Whether these bytes begin with a whole JSON object: the rest of a stream need not be waited for.
#[must_use]
pub fn is_whole(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    // Most often asked of what ends in the middle of a text.
    text.trim_ascii_end().last() == Some(&b'}') && json::first_value(text).is_ok_and(Raw::is_object)
}

/// The values of the keys that are known, as they stand. Where one field has several names, the index is its rank.
#[derive(Default)]
struct Seen<'a> {
    session: [Option<Raw<'a>>; 4],
    agent_id: [Option<Raw<'a>>; 2],
    agent_type: [Option<Raw<'a>>; 2],
    cwd: Option<Raw<'a>>,
    workspace_roots: Option<Raw<'a>>,
    event_name: Option<Raw<'a>>,
    tool_name: [Option<Raw<'a>>; 2],
    tool_use_id: [Option<Raw<'a>>; 2],
    tool_input: [Option<Input<'a>>; 2],
    source: Option<Raw<'a>>,
    reason: Option<Raw<'a>>,
    status: Option<Raw<'a>>,
    cursor_version: Option<Raw<'a>>,
    stop_hook_active: Option<Raw<'a>>,
    loop_count: Option<Raw<'a>>,
    files: [Option<Raw<'a>>; 3],
    command: Option<Raw<'a>>,
}

impl<'a> Seen<'a> {
    fn take(&mut self, cursor: &mut Cursor<'a>, key: &str) -> Result<(), Fault> {
        let input = match key {
            "tool_input" | "toolInput" => Some(&mut self.tool_input[0]),
            "args" => Some(&mut self.tool_input[1]),
            _ => None,
        };
        if let Some(place) = input {
            *place = Some(Input::read(cursor)?);
            return Ok(());
        }
        let value = cursor.value()?;
        let place = match key {
            // Cursor has both, and only some of its events have the second.
            "conversation_id" => &mut self.session[0],
            "session_id" => &mut self.session[1],
            "sessionId" | "sessionID" => &mut self.session[2],
            "thread_id" | "conversationId" => &mut self.session[3],
            "agent_id" | "agentId" => &mut self.agent_id[0],
            "subagent_id" => &mut self.agent_id[1],
            "agent_type" | "agentType" => &mut self.agent_type[0],
            "subagent_type" => &mut self.agent_type[1],
            "cwd" => &mut self.cwd,
            "workspace_roots" => &mut self.workspace_roots,
            "hook_event_name" => &mut self.event_name,
            "tool_name" | "toolName" => &mut self.tool_name[0],
            "tool" => &mut self.tool_name[1],
            "tool_use_id" => &mut self.tool_use_id[0],
            "tool_call_id" | "callID" => &mut self.tool_use_id[1],
            "source" => &mut self.source,
            "reason" => &mut self.reason,
            "status" => &mut self.status,
            "cursor_version" => &mut self.cursor_version,
            "stop_hook_active" => &mut self.stop_hook_active,
            "loop_count" => &mut self.loop_count,
            "file_path" => &mut self.files[0],
            "path" => &mut self.files[1],
            "paths" => &mut self.files[2],
            "command" => &mut self.command,
            _ => return Ok(()),
        };
        *place = Some(value);
        Ok(())
    }

    fn payload(self) -> Payload<'a> {
        Payload {
            session: first_text(&self.session),
            agent_id: first_text(&self.agent_id),
            agent_type: first_text(&self.agent_type),
            cwd: first_text(&[self.cwd]),
            workspace_root: self.workspace_roots.and_then(|roots| first_text(&[roots.elements().next()])),
            event_name: first_text(&[self.event_name]),
            tool_name: first_text(&self.tool_name),
            tool_use_id: first_text(&self.tool_use_id),
            source: first_text(&[self.source]),
            reason: first_text(&[self.reason]),
            status: first_text(&[self.status]),
            of_cursor: first_text(&[self.cursor_version]).is_some(),
            stop_hook_active: self.stop_hook_active.is_some_and(Raw::is_true) || is_above_0(self.loop_count),
            tool_input: self.tool_input.into_iter().flatten().next(),
            files: self.files.into_iter().flatten().collect(),
            command: self.command,
        }
    }
}

fn is_above_0(count: Option<Raw<'_>>) -> bool {
    count.and_then(Raw::text).and_then(|text| text.parse::<f64>().ok()).is_some_and(|count| count > 0.0)
}

/// The first of these that is a text and not empty.
fn first_text<'a>(values: &[Option<Raw<'a>>]) -> Option<Cow<'a, str>> {
    values.iter().flatten().filter_map(|value| value.text()).find(|text| !text.is_empty())
}
