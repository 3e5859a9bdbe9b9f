using System.Text.Json.Serialization;
using Vireo.Host.History;
using Vireo.Machines.Checks;

namespace Vireo.Host.Api;

/// <summary>Whether the host is ready.</summary>
/// <param name="Status"><c>ready</c>, or <c>starting</c> while it looks for running machines and waits for its planes.</param>
/// <param name="ProcessId">Process of the host plane.</param>
/// <param name="Version">Version.</param>
public sealed record HealthReport(string Status, int ProcessId, string Version);

/// <summary>A machine's serial port for a console.</summary>
/// <param name="Socket">Unix socket; null when the machine does not run.</param>
/// <param name="Lines">The last lines it wrote.</param>
public sealed record ConsoleReport(string? Socket, IReadOnlyList<string> Lines);

/// <summary>JSON of the routes that are not commands.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(HealthReport))]
[JsonSerializable(typeof(ConsoleReport))]
[JsonSerializable(typeof(HostEvent))]
[JsonSerializable(typeof(IReadOnlyList<HostEvent>))]
[JsonSerializable(typeof(JobInfo))]
[JsonSerializable(typeof(IReadOnlyList<JobInfo>))]
[JsonSerializable(typeof(IReadOnlyList<HostCheck>))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
internal sealed partial class ApiJson : JsonSerializerContext;
