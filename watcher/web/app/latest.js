// Answers that come late: what is asked again, and what happened meanwhile.
export function later(action, ms) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...given), ms);
  };
}

// A question that is asked again and again: the last answer counts, and the events
// that came while it was on its way may be newer than it.
export class Question {
  constructor(question) {
    this.question = question;
    this.events = null;
  }

  note(event) { this.events?.push(event); }

  // The answer and the events since; null where it was asked again since.
  async ask() {
    const events = (this.events = []);
    try {
      const found = await this.question();
      return events === this.events ? { found, events } : null;
    } finally {
      if (events === this.events) this.events = null;
    }
  }
}
