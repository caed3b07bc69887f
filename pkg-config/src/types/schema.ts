/**
 * The Standard Schema interface (https://standardschema.dev, version 1), copied as types so that any validator that implements it
 * (zod, valibot, arktype …) can be used without depending on one.
 */

/** What is wrong with a value. */
export interface SchemaIssue {
  /** What is wrong, for people. */
  readonly message: string
  /** Where: keys from the document down. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** The outcome of a validation: the (possibly transformed) value, or issues. */
export type SchemaResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] }

/** Any Standard Schema validator. */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** The Standard Schema properties. */
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What a schema accepts. */
export type InferInput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['input']

/** What a schema gives back: what is stored and read. */
export type InferOutput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output']
