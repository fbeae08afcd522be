// Boot of a customer's pages: nothing of the desk is in them.
import { bindWould } from "./would.js";

bindWould();
document.documentElement.dataset.ready = "portal";
