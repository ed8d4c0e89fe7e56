import { testTransport } from "./conformance.ts";

testTransport("gcp over REST", "REST");
