import { parse, validate, getOperationAST, NoSchemaIntrospectionCustomRule, specifiedRules, GraphQLError } from "graphql";
export function parseAndValidate(schema: any, parameters: any, options: any) {
  let document;
  try { document = parse(parameters.query, { maxTokens: 2000 }); } catch (e) { return { errors: [e as GraphQLError] }; }
  const errors = validate(schema, document, options.introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule]);
  if (errors.length) return { errors };
  const operation = getOperationAST(document, parameters.operationName);
  if (!operation) return { errors: [new GraphQLError("Unknown operation")] };
  return { prepared: { document, operation } };
}
