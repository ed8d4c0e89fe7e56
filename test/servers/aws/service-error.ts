/** An error answer of the service. Every one of them has status 400, except those of the service itself. */
export class ServiceError extends Error {
  readonly type: string;
  readonly status: number;

  constructor(type: string, message: string, status: number = type === "InternalServiceError" ? 500 : 400) {
    super(message);
    this.type = type;
    this.status = status;
  }
}
