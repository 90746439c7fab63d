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

// What a session is still to be told, by its id. It is told with the next answer of a tool.
const untold = new Map()

function tell(session, answer) {
  const text = [answer.context, answer.warning].filter((part) => typeof part === "string" && part).join("\n")
  const texts = untold.get(session) ?? []
  // What it was told at a prompt is read by then: nothing of it is left out, however many prompts go by without a tool.
  if (session && text && texts.at(-1) !== text) untold.set(session, [...texts, text])
}

function told(session) {
  const texts = untold.get(session) ?? []
  untold.delete(session)
  return texts.join("\n")
}

// Sessions whose beginning was told: not every version says when one begins.
const begun = new Set()

async function happened(event, sessionID, cwd, more = {}) {
  if (!sessionID) return ask(event, { cwd, ...more })
  if (event === "session.deleted") begun.delete(sessionID)
  else if (!begun.has(sessionID)) {
    begun.add(sessionID)
    if (event !== "session.created") tell(sessionID, await ask("session.created", { sessionID, cwd }))
  }
  const answer = await ask(event, { sessionID, cwd, ...more })
  if (event === "session.deleted") untold.delete(sessionID)
  else if (answer.decision !== "deny") tell(sessionID, answer)
  return answer
}

async function before(sessionID, cwd, call) {
  const answer = await happened("tool.execute.before", sessionID, cwd, call)
  if (answer.decision === "deny") throw new Error(answer.reason || "swarmlock: another agent holds this file")
}

const EVENTS = ["session.created", "session.idle", "session.compacted", "session.deleted"]

// OpenCode 1: one object of hooks.
async function server({ directory }) {
  return {
    event: async ({ event }) => {
      const session = event?.properties?.sessionID ?? event?.properties?.info?.id
      if (EVENTS.includes(event?.type)) await happened(event.type, session, directory)
    },
    "chat.message": async ({ sessionID }) => {
      await happened("chat.message", sessionID, directory)
    },
    "tool.execute.before": ({ tool, sessionID, callID }, { args }) => before(sessionID, directory, { tool, callID, args }),
    "tool.execute.after": async ({ tool, sessionID, callID, args }, output) => {
      await happened("tool.execute.after", sessionID, directory, { tool, callID, args })
      if (typeof output?.output !== "string") return
      const text = told(sessionID)
      if (text) output.output += "\n" + text
    },
    "shell.env": async ({ sessionID }, output) => {
      if (sessionID && !process.env.SWARMLOCK_AGENT) output.env.SWARMLOCK_AGENT = agentOf(sessionID)
    },
  }
}

// OpenCode 2: hooks are entered one by one, and may be called for sessions of other directories too.
async function setup(ctx) {
  const directories = new Map()
  const cwdOf = async (session) => {
    if (!directories.has(session)) {
      const found = await Promise.resolve(ctx.session?.get?.({ sessionID: session })).catch(() => undefined)
      directories.set(session, found?.location?.directory ?? ctx.location?.directory)
    }
    return directories.get(session)
  }
  // Whose shell it is, is not said where its environment is made: the command tells, if only one session runs it.
  const commands = new Map()

  await ctx.session?.hook?.("prompt", async ({ sessionID }) => {
    await happened("chat.message", sessionID, await cwdOf(sessionID))
  })
  await ctx.tool?.hook?.("execute.before", async ({ tool, sessionID, callID, input }) => {
    await before(sessionID, await cwdOf(sessionID), { tool, callID, args: input })
    if (typeof input?.command === "string") {
      commands.set(input.command, commands.has(input.command) ? undefined : sessionID)
    }
  })
  await ctx.tool?.hook?.("execute.after", async (call) => {
    const { tool, sessionID, callID, input, result } = call
    if (typeof input?.command === "string") commands.delete(input.command)
    await happened("tool.execute.after", sessionID, await cwdOf(sessionID), { tool, callID, args: input })
    if (typeof result?.content !== "string" && !Array.isArray(result?.content)) return
    const text = told(sessionID)
    if (!text) return
    if (Array.isArray(result.content)) result.content.push({ type: "text", text })
    else result.content += "\n" + text
  })
  await ctx.shell?.hook?.("create.before", ({ sessionID, command, env }) => {
    const session = sessionID ?? commands.get(command)
    if (session && env && !process.env.SWARMLOCK_AGENT) env.SWARMLOCK_AGENT = agentOf(session)
  })

  const stop = new AbortController()
  const listen = async () => {
    for await (const event of ctx.event?.subscribe?.({ signal: stop.signal }) ?? []) {
      if (stop.signal.aborted) return
      const session = event?.data?.sessionID ?? event?.properties?.sessionID
      // The events of all directories come here: only sessions that were seen at work here are ours.
      if (EVENTS.includes(event?.type) && begun.has(session)) await happened(event.type, session, await cwdOf(session))
    }
  }
  listen().catch(() => {})
  return () => stop.abort()
}

export default { id: "swarmlock", server, setup }
