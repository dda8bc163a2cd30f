"""Answers a GraphQL query out of plain Python data, by walking the query's own selections."""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    value_from_ast_untyped,
)

Resolver = Callable[..., Any]


class UnknownQuery(Exception):
    """The query asks for something at its root that has no resolver."""


def answer(query: str, variables: Mapping[str, Any], roots: Mapping[str, Resolver]) -> dict[str, Any]:
    """The ``data`` of the response.

    Each root field is answered by its resolver, called with the field's arguments. A resolver returns dicts, lists
    and scalars; a callable in a dict is called with the arguments of the field that selects it; a field that is
    not there is null.
    """
    document = parse(query)
    operation = next(node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    defaults = {
        definition.variable.name.value: value_from_ast_untyped(default)
        if (default := definition.default_value)
        else None
        for definition in operation.variable_definitions or ()
    }
    return _Selection(document, {**defaults, **variables}).of_root(operation.selection_set, roots)


class _Selection:
    def __init__(self, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._variables = dict(variables)
        self._fragments = {
            node.name.value: node.selection_set
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }

    def of_root(self, selections: SelectionSetNode, roots: Mapping[str, Resolver]) -> dict[str, Any]:
        unknown = [field.name.value for field in self._fields(selections) if field.name.value not in roots]
        if unknown:
            raise UnknownQuery(f"no resolver for {', '.join(unknown)}")
        return self._of(dict(roots), selections)

    def _of(self, value: Any, selections: SelectionSetNode | None) -> Any:
        if value is None or selections is None:
            return value
        if isinstance(value, list):
            return [self._of(item, selections) for item in value]
        return {_key(field): self._field(value, field) for field in self._fields(selections)}

    def _field(self, parent: Mapping[str, Any], field: FieldNode) -> Any:
        value = parent.get(field.name.value)
        if callable(value):
            value = value(**self._arguments(field))
        return self._of(value, field.selection_set)

    def _arguments(self, field: FieldNode) -> dict[str, Any]:
        return {
            argument.name.value: value_from_ast_untyped(argument.value, self._variables)
            for argument in field.arguments or ()
        }

    def _fields(self, selections: SelectionSetNode) -> list[FieldNode]:
        fields: list[FieldNode] = []
        for node in selections.selections:
            if not self._included(node):
                continue
            if isinstance(node, FieldNode):
                fields.append(node)
            elif isinstance(node, InlineFragmentNode):
                fields += self._fields(node.selection_set)
            elif isinstance(node, FragmentSpreadNode):
                fields += self._fields(self._fragments[node.name.value])
        return fields

    def _included(self, node: Any) -> bool:
        for directive in node.directives or ():
            condition = value_from_ast_untyped(directive.arguments[0].value, self._variables)
            if bool(condition) is (directive.name.value == "skip"):
                return False
        return True


def _key(field: FieldNode) -> str:
    return field.alias.value if field.alias else field.name.value
