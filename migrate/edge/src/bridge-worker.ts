// The bridge's entry: its own Worker, deployed beside the application, and deleted afterwards.
// It owns no class.

import { bridge } from "./bridge.ts";

export default bridge(() => Date.now() / 1000);
