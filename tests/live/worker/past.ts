// KV as one isolate sees it: any answer may be as old as KV allows. Answers are remembered for that long, and
// every other time the oldest of them is given again. Its own writes are seen no sooner, unless it forgets what was
// before them.

export class Past<Answer> {
  readonly #seconds: number;
  readonly #seen = new Map<string, { at: number; answer: Answer }[]>();
  readonly #since = new Map<string, number>(); // when it was forgotten last

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  // The answer to a question, asked anew or remembered.
  async read(question: string, ask: () => Promise<Answer>): Promise<Answer> {
    const seen = this.#recent(question);
    if (seen[0] !== undefined && Math.random() < 0.5) return seen[0].answer;
    const at = Date.now(); // from here on nothing newer may be missing
    const answer = await ask();
    if (answer !== undefined) this.#seen.set(question, [...this.#recent(question), { at, answer }]);
    return answer;
  }

  // No answer to this question that is older than now will be given.
  forget(question: string): void {
    this.#since.set(question, Date.now());
  }

  #recent(question: string): { at: number; answer: Answer }[] {
    const first = Math.max(Date.now() - this.#seconds * 1000, this.#since.get(question) ?? 0);
    const seen = (this.#seen.get(question) ?? []).filter(({ at }) => at >= first);
    return seen.sort((one, other) => one.at - other.at);
  }
}
