// Types that several modules name. Of the server's answers: types/api.d.ts, generated from its OpenAPI document.
import type { Signal as PreactSignal } from "@preact/signals";
import type { VNode } from "preact";

export type Signal<T> = PreactSignal<T>;
export type Markup = VNode<any> | VNode<any>[] | string | number | null | undefined | false | Markup[];

export interface Route {
  /** Such as "/courses/:id"; a part with a colon is handed to the page. */
  path: string;
  load: () => Promise<{ default: (props: any) => Markup }>;
  /** Who may open it; default: everybody who is logged in. */
  roles?: string[];
  /** Open to people who are not logged in. */
  open?: boolean;
  /** Without header and column: the live room, the kiosk. */
  bare?: boolean;
}
