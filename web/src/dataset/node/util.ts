/* node:util for the browser: nothing of it is needed by what runs here. */
export {};
