import { type BinaryTree, type CallTree, ExpressionError, type NameTree, type Tree } from './parse.ts';
import { type SignalRef, type Term, termOf, UnknownName, type WindowName } from './terms.ts';

/** What a value is, as far as it is known before there is one. */
export interface Type {
  readonly is: 'number' | 'duration' | 'text' | 'boolean' | 'any';
  /** A text can only be one of these. */
  readonly values?: readonly string[];
  /** Written out in the condition: a plain number there may stand for seconds. */
  readonly isLiteral?: boolean;
}

export const ANY: Type = { is: 'any' };

/** The type of a signal. Throws UnknownName (with the column) for one that there is not. */
export type TypeOfSignal = (signal: SignalRef, column: number) => Type;

const NUMBER: Type = { is: 'number' };
const BOOLEAN: Type = { is: 'boolean' };
const DURATION: Type = { is: 'duration' };
const QUALITY: Type = { is: 'text', values: ['good', 'uncertain', 'bad'] };

/** Windows that take whatever a signal holds. */
const TAKE_ANYTHING: readonly WindowName[] = ['count', 'changes', 'time_in'];

/**
 * Everything that cannot be meant: names that there are not, and values that do not go together. A condition must say
 * true or false. Each part that is wrong is told once.
 */
export function checkTypes(tree: Tree, typeOfSignal: TypeOfSignal): ExpressionError[] {
  const checker = new Checker(typeOfSignal);
  const { is } = checker.typeOf(tree);
  if (is === 'number' || is === 'duration' || is === 'text') {
    checker.tell(tree, `is a ${is}, which is neither true nor false: compare it, e.g. with > or ==`);
  }
  // What `duration` stands for is checked at either place.
  return [...new Map(checker.errors.map((error) => [`${error.column} ${error.message}`, error])).values()];
}

class Checker {
  readonly errors: ExpressionError[] = [];
  readonly #typeOfSignal: TypeOfSignal;

  constructor(typeOfSignal: TypeOfSignal) {
    this.#typeOfSignal = typeOfSignal;
  }

  tell(tree: Tree, message: string): void {
    this.errors.push(new ExpressionError(message, tree.at + 1));
  }

  typeOf(tree: Tree): Type {
    switch (tree.kind) {
      case 'literal':
        return literalType(tree.value, tree.isDuration);
      case 'name':
      case 'call':
        return this.#term(tree);
      case 'unary':
        if (tree.operator === '-') return this.#numeric(tree.operand);
        this.#truth(tree.operand);
        return BOOLEAN;
      case 'binary':
        return this.#binary(tree);
      case 'choice': {
        this.#truth(tree.test);
        const [yes, no] = [this.typeOf(tree.yes), this.typeOf(tree.no)];
        return yes.is === no.is ? { is: yes.is } : ANY;
      }
      case 'member': {
        const one = this.typeOf(tree.one);
        for (const item of tree.items) this.#equal(item, one, this.typeOf(item));
        return BOOLEAN;
      }
    }
  }

  #binary(tree: BinaryTree): Type {
    const { operator, left, right } = tree;
    switch (operator) {
      case '&&':
      case '||':
        this.#truth(left);
        this.#truth(right);
        return BOOLEAN;
      case '==':
      case '===':
      case '!=':
      case '!==':
        this.#equal(tree, this.typeOf(left), this.typeOf(right));
        return BOOLEAN;
      case '<':
      case '<=':
      case '>':
      case '>=':
        this.#order(tree, this.typeOf(left), this.typeOf(right));
        return BOOLEAN;
      default: {
        const [a, b] = [this.#numeric(left), this.#numeric(right)];
        return a.is === 'duration' || b.is === 'duration' ? DURATION : NUMBER;
      }
    }
  }

  #numeric(tree: Tree): Type {
    const type = this.typeOf(tree);
    if (type.is === 'text' || type.is === 'boolean') {
      this.tell(tree, `is a ${type.is}, which cannot be calculated with`);
      return NUMBER;
    }
    return type;
  }

  #truth(tree: Tree): void {
    const { is } = this.typeOf(tree);
    if (is === 'text' || is === 'duration') this.tell(tree, `is a ${is}, which is neither true nor false`);
  }

  #order(tree: Tree, a: Type, b: Type): void {
    if (a.is === 'boolean' || b.is === 'boolean') this.tell(tree, 'true and false have no order: expected == or !=');
    else this.#comparable(tree, a, b);
  }

  #equal(tree: Tree, a: Type, b: Type): void {
    // A coil is 1 or 0, as a PLC has it.
    const isCoil = (a.is === 'boolean' && b.is === 'number') || (a.is === 'number' && b.is === 'boolean');
    if (isCoil || !this.#comparable(tree, a, b)) return;
    const [signal, literal] = a.isLiteral ? [b, a] : [a, b];
    const [text] = literal.values ?? [];
    if (!literal.isLiteral || text === undefined || signal.values === undefined || signal.values.includes(text)) return;
    const message = `is never '${text}': expected ${signal.values.join(', ')}`;
    this.errors.push(new UnknownName(message, tree.at + 1, text, signal.values));
  }

  /** Tells what cannot be compared, and says whether that was so. */
  #comparable(tree: Tree, a: Type, b: Type): boolean {
    if (a.is === 'any' || b.is === 'any') return true;
    const isTime = a.is === 'duration' || b.is === 'duration';
    const [other] = [a, b].filter(({ is }) => is !== 'duration');
    if (isTime && other?.is === 'number' && !other.isLiteral) {
      this.tell(tree, 'a number is compared with a duration: remove the unit, or use age(…) or duration');
      return false;
    }
    if (a.is === b.is || (isTime && (other?.is ?? 'number') === 'number')) return true;
    this.tell(tree, `a ${a.is} is compared with a ${b.is}: expected the same on both sides`);
    return false;
  }

  #term(tree: NameTree | CallTree): Type {
    try {
      return this.#typeOfTerm(termOf(tree), tree);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      this.errors.push(error);
      return ANY;
    }
  }

  #typeOfTerm(term: Term, tree: Tree): Type {
    switch (term.kind) {
      case 'signal':
        return this.#typeOfSignal(term.signal, tree.at + 1);
      case 'age':
        this.#typeOfSignal(term.signal, tree.at + 1);
        return DURATION;
      case 'quality':
        this.#typeOfSignal(term.signal, tree.at + 1);
        return QUALITY;
      case 'anomaly':
        if (term.signal !== undefined) this.#typeOfSignal(term.signal, tree.at + 1);
        return NUMBER;
      case 'held':
        this.#truth(term.condition);
        return DURATION;
      case 'bit':
        this.#numeric(term.word);
        this.#numeric(term.place);
        return BOOLEAN;
      case 'window':
        return this.#window(term, tree);
    }
  }

  #window({ name, signal, argument }: Extract<Term, { kind: 'window' }>, tree: Tree): Type {
    const type = this.#typeOfSignal(signal, tree.at + 1);
    if (name === 'time_in') this.#equal(tree, type, literalType(argument ?? null, false));
    if ((type.is === 'text' || type.is === 'boolean') && !TAKE_ANYTHING.includes(name)) {
      this.tell(tree, `${name} needs numbers, and ${signal.signal} is a ${type.is}`);
    }
    return name === 'time_in' ? DURATION : NUMBER;
  }
}

function literalType(value: number | string | boolean | null, isDuration: boolean): Type {
  if (value === null) return ANY;
  if (typeof value === 'string') return { is: 'text', values: [value], isLiteral: true };
  if (typeof value === 'boolean') return BOOLEAN;
  return { is: isDuration ? 'duration' : 'number', isLiteral: true };
}
