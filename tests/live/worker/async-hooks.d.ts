// As much of Node.js's module as the races use: the types of Workers leave it to those of Node.js.

declare module "node:async_hooks" {
  export class AsyncLocalStorage<Store> {
    run<Result>(store: Store, callback: () => Result): Result;
    getStore(): Store | undefined;
  }
}
