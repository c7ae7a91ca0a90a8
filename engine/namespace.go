package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"paycow/internal/retry"
)

const (
	// ensureTimeout bounds EnsureNamespace, which waits for Temporal to refresh its cache of namespaces (2 s by default).
	ensureTimeout = 60 * time.Second
	// ensurePause is the time between two calls while EnsureNamespace waits.
	ensurePause = 100 * time.Millisecond
)

// EnsureNamespace creates the namespace with its retention, and the custom search attributes. It changes nothing that
// exists. It returns once a workflow can be started with the attributes, can be found by them and can upsert them, and
// fails after ensureTimeout. Several processes may call it at once. If everything exists, the client needs no
// permission to change anything, as on Temporal Cloud.
func EnsureNamespace(
	ctx context.Context, c client.Client, namespace string, retention time.Duration,
	attributes map[string]enumspb.IndexedValueType,
) error {
	ctx, cancel := context.WithTimeout(ctx, ensureTimeout)
	defer cancel()
	e := ensurer{client: c, namespace: namespace, attributes: attributes}
	if err := e.register(ctx, retention); err != nil {
		return fmt.Errorf("namespace %s: %w", namespace, err)
	}
	added, err := e.addAttributes(ctx)
	if err != nil {
		return fmt.Errorf("search attributes of namespace %s: %w", namespace, err)
	}
	if err := e.waitListable(ctx); err != nil {
		return fmt.Errorf("search attributes of namespace %s are not usable: %w", namespace, err)
	}
	if !added {
		return nil
	}
	if err := e.waitUpsertable(ctx); err != nil {
		return fmt.Errorf("search attributes of namespace %s are not usable by workflows: %w", namespace, err)
	}
	return nil
}

type ensurer struct {
	client     client.Client
	namespace  string
	attributes map[string]enumspb.IndexedValueType
}

// register creates the namespace unless it exists. Temporal answers this question from its store and not from its
// cache.
func (e *ensurer) register(ctx context.Context, retention time.Duration) error {
	service := e.client.WorkflowService()
	return repeat(ctx, func() error {
		_, err := service.DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: e.namespace})
		if !isNotFound(err) {
			return err
		}
		_, err = service.RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
			Namespace:                        e.namespace,
			WorkflowExecutionRetentionPeriod: durationpb.New(retention),
		})
		if _, ok := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); ok {
			return nil
		}
		return err
	})
}

// errAttributesAdded makes addAttributes look again: another process may have added attributes at the same time.
var errAttributesAdded = errors.New("search attributes were added and are not listed yet")

// addAttributes adds the missing attributes and reports whether it added any. Two processes that add at once may choose
// the same column. Temporal refuses one of them, which then finds the attributes of the other.
func (e *ensurer) addAttributes(ctx context.Context) (added bool, err error) {
	operator := e.client.OperatorService()
	err = repeat(ctx, func() error {
		missing, err := e.missingAttributes(ctx)
		if err != nil || len(missing) == 0 {
			return err
		}
		added = true
		_, err = operator.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
			Namespace: e.namespace, SearchAttributes: missing,
		})
		if err != nil {
			return err
		}
		return errAttributesAdded
	})
	return added, err
}

func (e *ensurer) missingAttributes(ctx context.Context) (map[string]enumspb.IndexedValueType, error) {
	present, err := e.client.OperatorService().ListSearchAttributes(ctx,
		&operatorservice.ListSearchAttributesRequest{Namespace: e.namespace})
	if err != nil {
		return nil, err
	}
	missing := map[string]enumspb.IndexedValueType{}
	for name, wanted := range e.attributes {
		has, found := present.GetCustomAttributes()[name]
		switch {
		case !found:
			missing[name] = wanted
		case has != wanted:
			return nil, retry.Permanent(fmt.Errorf("%s has type %s but must have type %s", name, has, wanted))
		}
	}
	return missing, nil
}

// waitListable waits until the frontend accepts the attributes in queries, which is when it also accepts them at the
// start of a workflow. The workflow id keeps the query cheap however many workflows exist.
func (e *ensurer) waitListable(ctx context.Context) error {
	conditions := make([]string, 0, len(e.attributes))
	for name := range e.attributes {
		conditions = append(conditions, name+" IS NOT NULL")
	}
	if len(conditions) == 0 {
		return nil
	}
	slices.Sort(conditions)
	query := "WorkflowId = 'namespace-check' AND (" + strings.Join(conditions, " OR ") + ")"
	return repeat(ctx, func() error {
		_, err := e.client.WorkflowService().CountWorkflowExecutions(ctx,
			&workflowservice.CountWorkflowExecutionsRequest{Namespace: e.namespace, Query: query})
		return err
	})
}

// repeat calls until the call succeeds, Temporal denies the permission for it, or ctx ends. A caller marks other errors
// that another call would meet again with retry.Permanent.
func repeat(ctx context.Context, call func() error) error {
	return retry.Until(ctx, retry.Policy{Pause: ensurePause}, func() error {
		err := call()
		if _, denied := errors.AsType[*serviceerror.PermissionDenied](err); denied {
			return retry.Permanent(err)
		}
		return err
	})
}

func isNotFound(err error) bool {
	var missing *serviceerror.NamespaceNotFound
	var notFound *serviceerror.NotFound
	return errors.As(err, &missing) || errors.As(err, &notFound)
}
