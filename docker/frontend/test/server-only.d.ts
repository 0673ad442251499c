/** Next resolves it while it builds; here modules that import it are only known by their types. */
declare module 'server-only';
