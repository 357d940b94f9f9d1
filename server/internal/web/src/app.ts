// What a script adds to the pages: keys, likes that change the page in place, and what belongs together lit up. Without
// it everything works by links and forms.

import { cards, keys } from "./keys";
import { light } from "./light";
import { swap } from "./swap";

keys();
light();
swap(() => cards());
