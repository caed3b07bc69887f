/**
 * The one alarm of a Durable Object, set for the earliest of all that is due. It decides nothing: who is woken looks what there is to do.
 * An alarm outlives the object's memory; timers do not.
 */
import type { DurableStorage } from './types.js'

/** Alarms are not moved for less. */
const NEARLY_MS = 20

/** For less a timer is kept besides: the object stays in memory for ten seconds anyway. */
const ASLEEP_MS = 5000

/** What should have gone off so long ago never will. */
const LATE_MS = 10_000

/** The alarm, and when it goes off. */
export class Alarm {
  readonly #storage: DurableStorage
  readonly #report: (error: unknown) => void
  #at = Infinity
  readonly #woken = new Set<() => Promise<void>>()

  private constructor(storage: DurableStorage, report: (error: unknown) => void) {
    this.#storage = storage
    this.#report = report
  }

  /** The alarm as it is set; `report` hears why it could not be set. */
  static async of(storage: DurableStorage, report: (error: unknown) => void): Promise<Alarm> {
    const alarm = new Alarm(storage, report)
    // One whose time has come is about to go off: setting another would put it off.
    alarm.#at = Math.max(Date.now(), (await storage.getAlarm()) ?? Infinity)
    return alarm
  }

  /** It shall go off in so many milliseconds, or earlier. Answers whether that is so long that a timer would keep the object in memory. */
  readonly wakeIn = (ms: number, wake?: () => Promise<void>): boolean => {
    const at = Date.now() + Math.max(0, Math.ceil(ms))
    if (at < this.#at - NEARLY_MS || this.#at <= Date.now() - LATE_MS) {
      this.#at = at
      this.#storage.setAlarm(at).catch((error: unknown) => {
        // Whoever wants one next sets it.
        this.#at = Infinity
        this.#report(error)
      })
    }
    if (ms < ASLEEP_MS) return false
    if (wake !== undefined) this.#woken.add(wake)
    return true
  }

  /** It has gone off: who waits for it looks whether it was for them. Resolves when they have done what was due. */
  async wentOff(): Promise<void> {
    this.#at = Infinity
    const woken = [...this.#woken]
    this.#woken.clear()
    await Promise.all(woken.map((wake) => wake()))
  }
}
