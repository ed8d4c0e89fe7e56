import { testTransport } from "./conformance.ts";

testTransport("gcp", "gRPC");
