import type { ChangeEvent } from "@keyhold/core";
import { type SecretPath, secretPath } from "./resource-name.ts";

type Json = Readonly<Record<string, unknown>>;

const isJson = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

/** Where the provider's secrets lie, as far as that is known without asking. */
interface Place {
  readonly projectId: string | undefined;
  readonly location: string | undefined;
}

/**
 * The secrets that messages of Pub/Sub name: pushed, pulled by its API or its library, or passed on by Eventarc.
 *
 * https://cloud.google.com/secret-manager/docs/event-notifications
 */
export function changedPaths(event: ChangeEvent, place: Place): readonly string[] | undefined {
  const found = messagesIn(event)
    .map((message) => ofMessage(message, place))
    .filter((paths) => paths !== undefined);
  return found.length === 0 ? undefined : found.flat();
}

function messagesIn(event: Json): readonly Json[] {
  if (Array.isArray(event.receivedMessages)) return event.receivedMessages.filter(isJson).flatMap(messagesIn);
  if (isJson(event.message)) return [event.message];
  const isPassedOn = event.type === "google.cloud.pubsub.topic.v1.messagePublished" && isJson(event.data);
  return isPassedOn ? messagesIn(event.data as Json) : [event];
}

function ofMessage({ attributes }: Json, place: Place): readonly string[] | undefined {
  if (!isJson(attributes)) return undefined;
  const { eventType, secretId } = attributes;
  if (typeof eventType !== "string") return undefined;
  // What Google sends when a topic is set, and its reminder that it is time to rotate: nothing has changed.
  if (eventType === "TOPIC_CONFIGURED" || eventType === "SECRET_ROTATE") return [];
  if (!eventType.startsWith("SECRET_")) return undefined;
  return typeof secretId === "string" ? spellings(secretId, place) : [];
}

/** Events may name the project by its number, whatever references do: an id and a number may be one project. */
function spellings(name: string, { projectId, location }: Place): readonly string[] {
  let path: SecretPath;
  try {
    path = secretPath(name, location);
  } catch {
    // Another location's, or no name.
    return [];
  }
  const { project, secretId } = path;
  if (project === undefined) return [];
  const isNumber = (text: string) => /^\d+$/.test(text);
  const isOther = projectId !== undefined && projectId !== project && isNumber(projectId) === isNumber(project);
  if (isOther) return [name];
  return [name, secretId, ...(projectId === undefined ? [] : [name.replace(`projects/${project}/`, `projects/${projectId}/`)])];
}
