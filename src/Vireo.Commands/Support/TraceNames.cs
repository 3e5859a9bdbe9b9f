using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Control.Switching;

namespace Vireo.Commands.Support;

/// <summary>Frames' ways as objects of the model, with the names that people gave.</summary>
internal sealed class TraceNames
{
    private readonly Dictionary<Guid, string> _ports = [];
    private readonly Dictionary<Guid, string> _switches = [];
    private readonly string _host;

    /// <summary>Names as they are now.</summary>
    public TraceNames(CommandContext context)
    {
        _host = context.Service<IHostSettings>().Facts.Name;
        foreach (var one in context.Service<ISwitches>().All)
        {
            _switches[one.Id] = one.Name;
            _ports[one.Id] = one.NetAdapterName ?? one.Name;
            foreach (var adapter in one.ManagementAdapters)
            {
                _ports[adapter.Id] = adapter.Name;
            }
        }

        foreach (var machine in context.Service<IMachines>().All)
        {
            foreach (var adapter in machine.NetworkAdapters)
            {
                _ports[adapter.Id] = machine.NetworkAdapters.Count == 1 ? machine.Name : $"{machine.Name}: {adapter.Name}";
            }
        }
    }

    /// <summary>One frame.</summary>
    public VMNetworkTrace Of(FrameReport report) => new()
    {
        ComputerName = _host,
        Time = report.Time,
        SwitchName = report.SwitchId is { } on ? _switches.GetValueOrDefault(on, "") : "",
        From = Port(report.Port),
        Summary = report.Summary,
        Length = report.Length,
        VlanId = report.VlanId,
        Decision = Enum.Parse<VMNetworkTraceDecision>(report.Decision.ToString()),
        Reason = report.Reason ?? "",
        Rule = report.Rule ?? "",
        To = [.. report.Receivers.Select(Port)],
        Steps =
        [
            .. report.Steps.Select(step => new VMNetworkTraceStep
            {
                Adapter = Port(step.Port),
                Direction = step.Direction.ToString(),
                Stage = step.Stage,
                Nanoseconds = Math.Round(step.Nanoseconds),
                Verdict = step.Verdict ?? "",
                Rule = step.Rule ?? "",
            }),
        ],
    };

    private string Port(Guid id) => _ports.GetValueOrDefault(id) ?? id.ToString("D");
}
