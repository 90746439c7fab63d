// Asks swarmlock before a file is edited and tells it what the session does. Trouble of ours stops nobody: without an
// answer within five seconds the edit goes on.
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"

const PROGRAM = "@PROGRAM@"
const TIMEOUT_MS = 5000

// The answer of `swarmlock hook EVENT`: an object with decision, reason, context and warning, as far as they say something.
function ask(event, payload) {
  return new Promise((resolve) => {
    let said = ""
    const done = (code) => {
      let answer = {}
      try {
        answer = JSON.parse(said)
      } catch {}
      if (typeof answer !== "object" || answer === null) answer = {}
      resolve(code === 2 ? { ...answer, decision: "deny" } : answer)
    }
    try {
      const args = ["hook", event, "--harness", "opencode"]
      const hook = spawn(PROGRAM, args, { stdio: ["pipe", "pipe", "ignore"], timeout: TIMEOUT_MS })
      hook.on("error", () => done(null))
      hook.on("close", done)
      hook.stdin.on("error", () => {})
      hook.stdout.setEncoding("utf8")
      hook.stdout.on("data", (piece) => (said += piece))
      hook.stdin.end(JSON.stringify({ hook_event_name: event, ...payload }))
    } catch {
      done(null)
    }
  })
}

// The id of a session's agent, as swarmlock makes it.
function agentOf(session) {
  return "opencode-" + createHash("sha256").update(session).digest("hex").slice(0, 8)
}

export const Swarmlock = async ({ directory }) => {
  // What a session is still to be told, by its id. It is told with the next answer of a tool.
  const untold = new Map()

  const tell = (session, answer) => {
    const text = [answer.context, answer.warning].filter((part) => typeof part === "string" && part).join("\n")
    if (!session || !text) return
    untold.set(session, [...(untold.get(session) ?? []), text].slice(-4))
  }

  const told = (session) => {
    const texts = untold.get(session) ?? []
    untold.delete(session)
    return texts.join("\n")
  }

  return {
    event: async ({ event }) => {
      const known = ["session.created", "session.idle", "session.compacted", "session.deleted"]
      if (!known.includes(event?.type)) return
      const session = event.properties?.sessionID ?? event.properties?.info?.id
      tell(session, await ask(event.type, { sessionID: session, cwd: directory }))
      if (event.type === "session.deleted") untold.delete(session)
    },
    "chat.message": async ({ sessionID }) => {
      tell(sessionID, await ask("chat.message", { sessionID, cwd: directory }))
    },
    "tool.execute.before": async ({ tool, sessionID, callID }, { args }) => {
      const answer = await ask("tool.execute.before", { sessionID, callID, tool, args, cwd: directory })
      if (answer.decision === "deny") throw new Error(answer.reason || "swarmlock: another agent holds this file")
      tell(sessionID, answer)
    },
    "tool.execute.after": async ({ tool, sessionID, callID, args }, output) => {
      tell(sessionID, await ask("tool.execute.after", { sessionID, callID, tool, args, cwd: directory }))
      if (typeof output?.output !== "string") return
      const text = told(sessionID)
      if (text) output.output += "\n" + text
    },
    "shell.env": async ({ sessionID }, output) => {
      if (sessionID && !process.env.SWARMLOCK_AGENT) output.env.SWARMLOCK_AGENT = agentOf(sessionID)
    },
  }
}
