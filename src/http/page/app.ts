import type { ApiAlert, ApiState } from '../api.ts';
import { askName } from './ask-name.ts';
import { gatewayClient, Refused } from './gateway-client.ts';
import { HistoryChart } from './history-chart.ts';
import { pickMachines } from './judge-machine.ts';
import { chooseLanguage, type LanguageId } from './language.ts';
import { layout, titleOf } from './layout.ts';
import { Live } from './live.ts';
import { MachineWatch, TREND_MS } from './machine-watch.ts';
import type { Actions, Model } from './model.ts';
import { Rates } from './rates.ts';
import { Root } from './render.ts';
import { routeOf } from './routes.ts';
import { type Day, dayOf } from './states.ts';
import { Timeline } from './timeline.ts';

/** Rows of a list that are shown at first, and by how many more each time. */
const ROWS = 60;
const DAY_MS = 86_400_000;
/** How often is asked for what the gateway does not tell by itself. */
const RELOAD_MS = 60_000;
/** Machines of the list whose states are shown. */
const MAX_STRIPS = 24;
/** What the page asks for at once of a signal's recent past. */
const TREND_POINTS = 100;
const SIGNALS_PER_QUESTION = 20;
const MAX_TRENDS = 60;
const TICK_MS = 1000;
const NOTICE_MS = 6000;
/** Keys of the browser's local storage. */
const STORED = { language: 'language', name: 'name', signedIn: 'signed-in' } as const;

/** The page: owns what is known, hears the gateway and its user, and has the views draw it. */
export class App {
  readonly #root: Root;
  readonly #rates = new Rates();
  readonly #timelines = new Map<string, Day>();
  readonly #timeline = new Timeline();
  readonly #chart: HistoryChart;
  readonly #live: Live;
  readonly #actions: Actions;
  #language = chooseLanguage(localStorage.getItem(STORED.language), navigator.languages);
  #state: ApiState | undefined;
  /** When the state came, by the monotonic clock. */
  #stateAt = 0;
  #lostSince: number | undefined;
  #isSignInWanted = false;
  #signInFault: string | undefined;
  #notice: string | undefined;
  #noticeTimer: ReturnType<typeof setTimeout> | undefined;
  #machineFilter = '';
  #signalFilter = '';
  #rows = ROWS;
  #watch: MachineWatch | undefined;
  #signal: string | undefined;
  #isDrawingSoon = false;
  /** Counts up whenever other states are wanted than those that are being asked for. */
  #round = 0;

  constructor(body: HTMLElement) {
    this.#root = new Root(body);
    this.#chart = new HistoryChart(this.#language, () => this.#now);
    this.#chart.element.className = 'history';
    this.#live = new Live({
      onState: (state) => this.#take(state),
      onSignals: (signals, all) => {
        this.#watch?.take(signals, all);
        this.#drawSoon();
      },
      onLost: () => {
        this.#lostSince ??= Date.now();
        this.#drawSoon();
      },
      onSignInWanted: () => this.#askForToken(),
    });
    this.#actions = {
      setLanguage: (id) => this.#setLanguage(id),
      signIn: (token) => void this.#signIn(token),
      signOut: () => void this.#signOut(),
      acknowledge: (alert) => void this.#acknowledge(alert),
      dismiss: () => this.#tell(undefined),
      filterMachines: (filter) => {
        this.#machineFilter = filter;
        this.#rows = ROWS;
        this.#drawSoon();
        void this.#loadTimelines();
      },
      filterSignals: (filter) => {
        this.#signalFilter = filter;
        this.#rows = ROWS;
        this.#drawSoon();
      },
      showMore: () => {
        this.#rows += ROWS;
        this.#drawSoon();
      },
    };
  }

  /** Shows the page, and keeps it up to date for good. */
  async start(): Promise<void> {
    document.documentElement.lang = this.#language.id;
    addEventListener('hashchange', () => this.#go());
    document.addEventListener('visibilitychange', () => {
      if (this.#isSignInWanted) return;
      if (document.hidden) {
        this.#live.pause();
      } else {
        this.#live.resume();
        this.#reload();
      }
    });
    // Ages go on while nothing comes.
    setInterval(() => this.#drawSoon(), TICK_MS);
    setInterval(() => this.#reload(), RELOAD_MS);
    await this.#connect();
  }

  async #connect(): Promise<void> {
    try {
      this.#take(await gatewayClient.state());
    } catch (error) {
      if (error instanceof Refused && error.status === 401) return this.#askForToken();
      this.#lostSince = Date.now();
    }
    this.#go();
  }

  get #now(): number {
    return this.#state === undefined ? Date.now() : this.#state.t + performance.now() - this.#stateAt;
  }

  #take(state: ApiState): void {
    const isFirst = this.#state === undefined;
    // The gateway was upgraded, and has another page.
    if (this.#state !== undefined && state.version !== this.#state.version) location.reload();
    this.#state = state;
    this.#stateAt = performance.now();
    this.#lostSince = undefined;
    this.#rates.add(state);
    if (isFirst) this.#begin();
    this.#drawSoon();
  }

  /** Now it is known which machines there are. */
  #begin(): void {
    if (this.#watch !== undefined) this.#watchMachine(this.#watch.id);
    void this.#loadTimelines();
  }

  /** Shows what the address says. */
  #go(): void {
    const { machine, signal } = routeOf(location.hash);
    const isOfSameMachine = machine !== undefined && machine === this.#watch?.id;
    this.#signal = signal ?? (isOfSameMachine && this.#watch !== undefined ? firstNumber(this.#watch) : undefined);
    // On a phone the chart may be out of sight.
    if (isOfSameMachine) this.#chart.element.scrollIntoView({ block: 'nearest' });
    if (machine !== this.#watch?.id) {
      this.#watch = machine === undefined ? undefined : new MachineWatch(machine);
      this.#rows = ROWS;
      this.#signalFilter = '';
      scrollTo(0, 0);
      this.#watchMachine(machine);
    } else if (machine === undefined) {
      this.#live.watch(undefined);
    }
    void this.#loadTimelines();
    this.#drawSoon();
  }

  #watchMachine(id: string | undefined): void {
    const isKnown = this.#state?.machines.some((machine) => machine.id === id) === true;
    this.#live.watch(isKnown ? id : undefined);
    if (isKnown) void this.#loadMachine();
  }

  #reload(): void {
    void this.#loadTimelines();
    void this.#loadDetail();
  }

  /** What the machine is, its signals, and what was stored of them; live values come beside it. */
  async #loadMachine(): Promise<void> {
    const watch = this.#watch;
    if (watch === undefined) return;
    await this.#loadDetail();
    const numbers = watch.signals.filter(({ v }) => typeof v === 'number').map(({ name }) => name);
    const wanted = numbers.slice(0, MAX_TRENDS);
    await this.#try(async () => {
      for (let i = 0; i < wanted.length && watch === this.#watch; i += SIGNALS_PER_QUESTION) {
        const some = wanted.slice(i, i + SIGNALS_PER_QUESTION);
        watch.remember(await gatewayClient.history(watch.id, some, this.#now - TREND_MS, this.#now, TREND_POINTS));
        this.#drawSoon();
      }
    });
  }

  async #loadDetail(): Promise<void> {
    const watch = this.#watch;
    if (watch === undefined || !this.#mayAsk) return;
    await this.#try(async () => {
      watch.detail = await gatewayClient.machine(watch.id);
      watch.take(watch.detail.values, false);
      if (watch === this.#watch) this.#signal ??= firstNumber(watch);
      this.#drawSoon();
    });
  }

  /** Somebody looks, and may see it. */
  get #mayAsk(): boolean {
    return !document.hidden && !this.#isSignInWanted;
  }

  /** The states of the last day, of the machine that is looked at or of those in the list. */
  async #loadTimelines(): Promise<void> {
    if (this.#state === undefined || !this.#mayAsk) return;
    this.#round += 1;
    const round = this.#round;
    const state = this.#state;
    const watch = this.#watch;
    const picked = pickMachines(state, this.#machineFilter).map(({ machine }) => machine);
    const wanted = watch === undefined ? picked : state.machines.filter(({ id }) => id === watch.id);
    for (const { id } of wanted.slice(0, MAX_STRIPS)) {
      if (round !== this.#round) return;
      const known = this.#timelines.get(id);
      if (known !== undefined && this.#now - known.timeline.to < RELOAD_MS / 2) continue;
      await this.#try(async () => {
        this.#timelines.set(id, dayOf(await gatewayClient.timeline(id, this.#now - DAY_MS, this.#now)));
        this.#drawSoon();
      });
    }
  }

  /** What is missing is missing on the page, too, until it is asked for again; the connection tells why. */
  async #try(load: () => Promise<void>): Promise<void> {
    try {
      await load();
    } catch (error) {
      if (error instanceof Refused && error.status === 401) this.#askForToken();
      else console.warn(error);
    }
  }

  #askForToken(): void {
    this.#isSignInWanted = true;
    localStorage.removeItem(STORED.signedIn);
    this.#live.pause();
    this.#drawSoon();
  }

  async #signIn(token: string): Promise<void> {
    const { texts } = this.#language;
    this.#signInFault = undefined;
    try {
      await gatewayClient.signIn(token);
      localStorage.setItem(STORED.signedIn, 'yes');
      this.#isSignInWanted = false;
      this.#live.resume();
      await this.#connect();
    } catch (error) {
      const isWrong = error instanceof Refused && error.status === 401;
      this.#signInFault = isWrong ? texts.wrongToken : texts.failed(messageOf(error));
    }
    this.#drawSoon();
  }

  async #signOut(): Promise<void> {
    await this.#try(() => gatewayClient.signOut());
    this.#state = undefined;
    this.#askForToken();
  }

  async #acknowledge(alert: ApiAlert): Promise<void> {
    const { texts } = this.#language;
    const known = localStorage.getItem(STORED.name) ?? '';
    const name = await askName(texts, texts.acknowledgeLabel(alert.rule, alert.machine), known);
    if (name === undefined) return;
    localStorage.setItem(STORED.name, name);
    try {
      await gatewayClient.acknowledge(alert.machine, alert.rule, name);
      this.#tell(texts.acknowledgedDone(alert.rule));
    } catch (error) {
      const isGone = error instanceof Refused && error.status === 404;
      this.#tell(isGone ? texts.alertGone : texts.failed(messageOf(error)));
    }
  }

  #tell(notice: string | undefined): void {
    clearTimeout(this.#noticeTimer);
    this.#notice = notice;
    this.#noticeTimer = setTimeout(() => this.#tell(undefined), NOTICE_MS);
    if (notice === undefined) clearTimeout(this.#noticeTimer);
    this.#drawSoon();
  }

  #setLanguage(id: LanguageId): void {
    localStorage.setItem(STORED.language, id);
    this.#language = chooseLanguage(id, navigator.languages);
    document.documentElement.lang = id;
    this.#chart.setLanguage(this.#language);
    this.#drawSoon();
  }

  #drawSoon(): void {
    if (this.#isDrawingSoon) return;
    this.#isDrawingSoon = true;
    requestAnimationFrame(() => {
      this.#isDrawingSoon = false;
      this.#draw();
    });
  }

  #draw(): void {
    const model: Model = {
      language: this.#language,
      state: this.#state,
      lostSince: this.#lostSince,
      now: this.#now,
      rates: this.#rates,
      isSignInWanted: this.#isSignInWanted,
      signInFault: this.#signInFault,
      canSignOut: localStorage.getItem(STORED.signedIn) !== null,
      notice: this.#notice,
      machineFilter: this.#machineFilter,
      signalFilter: this.#signalFilter,
      rows: this.#rows,
      timelines: this.#timelines,
      watch: this.#watch,
      signal: this.#signal,
      chart: this.#chart.element,
      timeline: this.#timeline.element,
    };
    const watch = this.#watch;
    if (watch !== undefined) this.#timeline.show(this.#timelines.get(watch.id), this.#language);
    document.title = titleOf(model);
    this.#root.render(...layout(model, this.#actions));
    const signal = this.#isSignInWanted ? undefined : this.#signal;
    this.#chart.choose(watch === undefined || signal === undefined ? undefined : { machine: watch.id, signal });
  }
}

/** The spindle speed, where there is one: what somebody wants to see move first. */
function firstNumber(watch: MachineWatch): string | undefined {
  const numbers = watch.signals.filter(({ v }) => typeof v === 'number');
  return (numbers.find(({ name }) => name === 'rpm') ?? numbers[0])?.name;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
