import { z } from 'zod';

/** Lets a rule about several keys run also where one of them is wrong, so that all errors are told at once. */
export const always = { when: ({ value }: { value: unknown }) => typeof value === 'object' && value !== null };

/** Names, in which `*` stands for any characters. */
export const patterns = () => z.array(z.string().min(1));
