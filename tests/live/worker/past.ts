// KV as one isolate sees it: any answer may be as old as KV allows. Answers are remembered for that long, and
// every other time the oldest of them is given again; nobody's own writes are seen any sooner.

export class Past<Answer> {
  readonly #seconds: number;
  readonly #seen = new Map<string, { at: number; answer: Answer }[]>();

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

  #recent(question: string): { at: number; answer: Answer }[] {
    const first = Date.now() - this.#seconds * 1000;
    const seen = (this.#seen.get(question) ?? []).filter(({ at }) => at >= first);
    return seen.sort((one, other) => one.at - other.at);
  }
}
