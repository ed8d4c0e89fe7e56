import { testTransport } from "./conformance.ts";

testTransport("gcp-lean", "lean");
