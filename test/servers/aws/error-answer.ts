export const jsonType = "application/x-amz-json-1.1";

/** An answer whose body is text, which fits a fault and an answer alike. */
export interface JsonAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export const jsonAnswer = (status: number, body: unknown): JsonAnswer => ({
  status,
  headers: { "content-type": jsonType },
  body: JSON.stringify(body),
});

export const errorAnswer = (status: number, type: string, message: string): JsonAnswer =>
  jsonAnswer(status, { __type: type, Message: message });

/** What an error says where the test gives no words. */
export const usualMessage = (type: string): string =>
  type === "ThrottlingException" ? "Rate exceeded" : `The service answers with ${type}.`;

/** The service's error for a status, where the test asks for no particular one. */
export function failureAnswer(status: number): JsonAnswer {
  const types: Readonly<Record<number, string>> = {
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    500: "InternalServiceError",
  };
  const type = types[status] ?? "ServiceUnavailableException";
  return errorAnswer(status, type, usualMessage(type));
}
