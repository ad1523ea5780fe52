// What the samples import, as far as they use it.
declare module "hono" {
  export interface Context<E extends { Bindings: any; Variables?: any }> {
    env: E["Bindings"];
    req: { json<T>(): Promise<T>; query(name: string): string | undefined; param(name: string): string };
    executionCtx: ExecutionContext;
    text(body: string, status?: number): Response;
    json(body: unknown, status?: number): Response;
    body(body: null, status?: number): Response;
    redirect(to: string): Response;
    set<K extends keyof E["Variables"]>(name: K, value: E["Variables"][K]): void;
    get<K extends keyof E["Variables"]>(name: K): E["Variables"][K];
  }
  type Handler<E extends { Bindings: any; Variables?: any }> = (
    c: Context<E>,
    next: () => Promise<void>,
  ) => Response | void | Promise<Response | void>;
  export class Hono<E extends { Bindings: any; Variables?: any }> {
    get(path: string, ...handlers: Handler<E>[]): this;
    post(path: string, ...handlers: Handler<E>[]): this;
    use(path: string, ...handlers: Handler<E>[]): this;
  }
}
declare module "hono/factory" {
  import type { Context } from "hono";
  export function createMiddleware<E extends { Bindings: any; Variables?: any }>(
    handler: (c: Context<E>, next: () => Promise<void>) => Promise<Response | void>,
  ): typeof handler;
}
declare module "hono/cookie" {
  export function getCookie(c: any, name: string): string | undefined;
  export function setCookie(c: any, name: string, value: string, options?: object): void;
  export function deleteCookie(c: any, name: string): void;
}
declare module "@remix-run/cloudflare" {
  export interface AppLoadContext {}
}
declare module "@sveltejs/kit" {
  interface Cookies {
    get(name: string): string | undefined;
    delete(name: string, options: object): void;
  }
  interface Event {
    request: Request;
    cookies: Cookies;
    locals: App.Locals;
    platform?: App.Platform;
  }
  export type Handle = (input: {
    event: Event;
    resolve(event: Event): Promise<Response>;
  }) => Promise<Response>;
  export type RequestHandler = (event: Event) => Promise<Response>;
  export function redirect(status: number, to: string): never;
}
declare module "astro" {
  export type APIRoute = (context: {
    locals: { runtime: { env: { SESSIONS: KVNamespace } } };
    cookies: { get(name: string): { value: string } | undefined };
  }) => Promise<Response>;
}
declare module "@opennextjs/cloudflare" {
  export function getCloudflareContext(): { env: CloudflareEnv; ctx: ExecutionContext };
}
declare module "next/headers" {
  export function cookies(): Promise<{ get(name: string): { value: string } | undefined }>;
}
declare module "h3" {
  export interface H3Event {
    context: { cloudflare: { env: any } };
  }
  export function getCookie(event: H3Event, name: string): string | undefined;
}
declare module "itty-router" {
  export interface IRequest extends Request {
    params: Record<string, string>;
    session?: any;
  }
  type RouteHandler<R, A extends any[]> = (request: R, ...args: A) => unknown;
  interface Router<R, A extends any[]> {
    get(path: string, ...handlers: RouteHandler<R, A>[]): Router<R, A>;
    delete(path: string, ...handlers: RouteHandler<R, A>[]): Router<R, A>;
    fetch(request: Request, ...args: A): Promise<Response>;
  }
  export function AutoRouter<R, A extends any[]>(): Router<R, A>;
  export function error(status: number): Response;
  export function json(body: unknown): Response;
}
