using System.Text.Json;
using Vireo.Cli.Parsing;
using Vireo.Client;
using Vireo.Surface;

namespace Vireo.Cli.Running;

/// <summary>An object on its way through a pipeline, with the host it came from.</summary>
internal sealed record HostObject(HostClient Host, ObjectRecord Object);

/// <summary>A request that a stage sends.</summary>
internal sealed record StageRequest(HostClient Host, string? Set, IReadOnlyList<KeyValuePair<ParameterInfo, JsonElement>> FromPipeline);

/// <summary>
/// Binds pipeline objects to a command: by the object's type, then by names of its properties, as PowerShell does. Objects that a command
/// takes several of at once go in one request.
/// </summary>
internal static class PipelineInput
{
    /// <summary>The requests that the objects make.</summary>
    /// <exception cref="CliException">An object fits no parameter.</exception>
    public static IReadOnlyList<StageRequest> Bind(Call call, IReadOnlyList<HostObject> inputs)
    {
        var requests = new List<StageRequest>();
        var together = new List<JsonElement>();
        ParameterInfo? common = null;
        HostClient? host = null;
        foreach (var input in inputs)
        {
            var byValue = ByValue(call, input.Object);
            if (byValue is { IsArray: true })
            {
                if (common != byValue || host != input.Host)
                {
                    Send();
                }

                (common, host) = (byValue, input.Host);
                together.Add(input.Object.Value);
                continue;
            }

            Send();
            requests.Add(One(call, input, byValue));
        }

        Send();
        return requests;

        void Send()
        {
            if (together.Count > 0)
            {
                requests.Add(new StageRequest(host!, null, [new(common!, ArgumentValue.Array(together))]));
                together.Clear();
            }
        }
    }

    private static StageRequest One(Call call, HostObject input, ParameterInfo? byValue)
    {
        var bound = new List<KeyValuePair<ParameterInfo, JsonElement>>();
        if (byValue is not null)
        {
            bound.Add(new(byValue, input.Object.Value));
        }
        else
        {
            AddByName(call, input.Object.Value, bound);
        }

        var choice = ParameterSetChoice.For(call.Command, [.. call.Values.Keys, .. bound.Select(static pair => pair.Key)]);
        if (bound.Count == 0 || choice.Name is null || choice.Missing.Count > 0)
        {
            var type = input.Object.Type[(input.Object.Type.LastIndexOf('.') + 1)..];
            throw new CliException("InputObjectNotBound", $"{call.Command.Name} does not take a {type} from the pipeline the way it is called here.", ExitStatus.Error);
        }

        return new StageRequest(input.Host, choice.Name, bound);
    }

    private static ParameterInfo? ByValue(Call call, ObjectRecord value)
    {
        foreach (var set in Sets(call))
        {
            foreach (var parameter in call.Command.Parameters)
            {
                if (parameter.In(set) is { FromPipeline: true } && !call.Values.ContainsKey(parameter)
                    && parameter.AcceptedTypes.Contains(value.Type, StringComparer.Ordinal))
                {
                    return parameter;
                }
            }
        }

        return null;
    }

    /// <summary>Takes each property that a parameter of a possible set asks for by name.</summary>
    private static void AddByName(Call call, JsonElement value, List<KeyValuePair<ParameterInfo, JsonElement>> bound)
    {
        foreach (var set in Sets(call))
        {
            foreach (var parameter in call.Command.Parameters)
            {
                if (parameter.In(set) is not { FromPipelineByName: true } || call.Values.ContainsKey(parameter))
                {
                    continue;
                }

                foreach (var name in parameter.Aliases.Prepend(parameter.Name))
                {
                    if (value.TryGetProperty(name, out var property) && property.ValueKind is not (JsonValueKind.Null or JsonValueKind.Object))
                    {
                        bound.Add(new(parameter, property));
                        break;
                    }
                }
            }

            if (bound.Count > 0)
            {
                return;
            }
        }
    }

    /// <summary>Possible sets, the default one first.</summary>
    private static IEnumerable<string> Sets(Call call) =>
        ParameterSetChoice.Possibilities(call.Command, call.Values.Keys)
            .OrderBy(set => string.Equals(set, call.Command.DefaultSet, StringComparison.OrdinalIgnoreCase) ? 0 : 1);
}
