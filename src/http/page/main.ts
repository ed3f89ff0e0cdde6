import { App } from './app.ts';

await new App(document.body).start();
