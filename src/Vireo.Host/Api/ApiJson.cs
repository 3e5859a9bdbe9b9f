using System.Text.Json.Serialization;
using Vireo.Host.History;
using Vireo.Machines.Checks;

namespace Vireo.Host.Api;

/// <summary>Whether the host is ready.</summary>
/// <param name="Status"><c>ready</c>, or <c>starting</c> while it looks for running machines and waits for its planes.</param>
/// <param name="ProcessId">Process of the host plane.</param>
/// <param name="Version">Version.</param>
public sealed record HealthReport(string Status, int ProcessId, string Version);

/// <summary>A machine whose consoles somebody may connect to.</summary>
/// <param name="Id">The machine.</param>
/// <param name="Name">Its name.</param>
/// <param name="State">Its state.</param>
/// <param name="Lines">The last lines that its serial console wrote, when one machine was asked for.</param>
public sealed record ConsoleReport(Guid Id, string Name, string State, IReadOnlyList<string> Lines);

/// <summary>JSON of the routes that are not commands.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(HealthReport))]
[JsonSerializable(typeof(ConsoleReport))]
[JsonSerializable(typeof(List<ConsoleReport>))]
[JsonSerializable(typeof(HostEvent))]
[JsonSerializable(typeof(IReadOnlyList<HostEvent>))]
[JsonSerializable(typeof(JobInfo))]
[JsonSerializable(typeof(IReadOnlyList<JobInfo>))]
[JsonSerializable(typeof(IReadOnlyList<HostCheck>))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
internal sealed partial class ApiJson : JsonSerializerContext;
