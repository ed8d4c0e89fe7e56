/** What every command that reaches a provider takes. */
export interface CommonOptions {
  readonly config?: string;
  readonly json?: boolean;
}
