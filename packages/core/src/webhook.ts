export type { Delivery, Receipt, Sender } from "./webhook-delivery.ts";
export { type WebhookOptions, webhook } from "./webhook-receiver.ts";
export { type SharedKeyOptions, type SignatureOptions, sharedKey, signature } from "./webhook-shared.ts";
export { type EventGridTokenOptions, eventGridToken, type PubSubTokenOptions, pubSubToken } from "./webhook-tokens.ts";
